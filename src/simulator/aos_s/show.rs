//! What AOS-S shows: each text is laid out as HPE's guides print it.

use super::super::command::{Reply, Visit};
use super::super::configuration::Configuration;
use super::super::grammar::Arguments;

pub(super) fn version(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(
        "\nImage stamp:    /ws/swbuildm/rel_orlando/code/build/anm\n\
         \x20               Apr 11 2019 15:04:55\n                WB.16.08.0001\n                1\n\
         Boot Image:     Primary\n\n"
            .to_owned(),
    )
}

/// The serial number, and no model.
pub(super) fn system(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let device = &visit.device;
    let days = device.uptime(visit.now).as_secs() / 86_400;
    Reply::Text(format!(
        "\n Status and Counters - General System Information\n\n  \
         System Name        : {:<41}\n  System Contact     :\n  System Location    :\n\n  \
         MAC Age Time (sec) : 300    \n\n  Time Zone          : 0    \n  Daylight Time Rule : None                      \n\n  \
         Software revision  : WB.16.08.0001        Base MAC Addr      : f40343-000001    \n  \
         ROM Version        : WB.16.03             Serial Number      : {:<12}\n\n  \
         Up Time            : {:<21}Memory   - Total   : 340,668,416 \n  \
         CPU Util (%)       : 7                               Free    : 223,102,704 \n\n  \
         IP Mgmt  - Pkts Rx : 187,856,430          Packet   - Total   : 6750        \n  \
         \x20          Pkts Tx : 183,956,306          Buffers    Free    : 4252        \n\n",
        device.name,
        device.serial(),
        format!("{days} days")
    ))
}

/// The console's line, and then those of the network, whoever has them.
pub(super) fn ip_ssh(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let device = &visit.device;
    let mut text = "\n SSH Enabled     : Yes                 Secure Copy Enabled : No\n \
        TCP Port Number : 22                  Timeout (sec)       : 120\n \
        Host Key Type   : RSA                 Host Key/Curve Size : 2048\n\n \
        Ciphers : aes256-ctr,aes192-ctr,aes128-ctr,aes256-cbc\n \
        MACs    : hmac-sha1-96,hmac-md5,hmac-sha1,hmac-md5-96\n\n \
        Ses Type     | Source IP                                      Port\n \
        --- -------- + ---------------------------------------------- -----\n 1   console  |\n"
        .to_owned();
    for place in 0..device.vty_lines {
        let number = place + 2;
        text.push_str(&match device.users.get(place) {
            Some(session) => format!(" {number:<3} ssh      | {:<46} {}\n", "127.0.0.1", 50_000 + session),
            None => format!(" {number:<3} inactive |\n"),
        });
    }
    Reply::Text(text)
}

/// `show running-config interface`, as it is printed.
pub(in super::super) fn port_text(running: &Configuration, port: u16) -> String {
    format!("\nRunning configuration:\n\n{}\n", block(running, port))
}

fn block(running: &Configuration, port: u16) -> String {
    let config = running.port(port);
    let mut lines = vec![format!("interface {port}")];
    lines.extend(config.description.as_ref().map(|name| format!("   name \"{name}\"")));
    if !config.enabled {
        lines.push("   disable".to_owned());
    }
    lines.extend(config.limit_kbps.map(|kbps| format!("   rate-limit all in kbps {kbps}")));
    lines.extend(config.shape_kbps.map(|kbps| format!("   rate-limit all out kbps {kbps}")));
    lines.push(format!("   untagged vlan {}", config.access_vlan));
    lines.push("   exit\n".to_owned());
    lines.join("\n")
}

pub(super) fn running_interface(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let (port, now) = (arguments.port(0), visit.now);
    visit.device.show_port(port, now);
    Reply::Text(port_text(visit.running(), port))
}

pub(super) fn running(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let name = &visit.device.name;
    let mut text = format!(
        "\nRunning configuration:\n\n; J9726A Configuration Editor; Created on release #WB.16.08.0001\n\
         ; Ver #14:01.44.00.04.19.02.13.98.82.34.61.18.28.f3.84.9c.63.ff.37.27:05\nhostname \"{name}\"\n"
    );
    for port in 1..=visit.device.ports {
        text.push_str(&block(visit.running(), port));
    }
    for vlan in visit.running().vlans.keys() {
        text.push_str(&format!("vlan {vlan}\n   name \"{}\"\n   exit\n", visit.running().vlan_name(*vlan)));
    }
    Reply::Text(text)
}

pub(super) fn config_status(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::line(if visit.device.running == visit.device.startup {
        "Running configuration is same as the startup configuration."
    } else {
        "Running configuration has been changed and needs to be saved."
    })
}

pub(super) fn interface_brief(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    let enabled = if visit.running().port(port).enabled { "Yes" } else { "No" };
    Reply::Text(format!(
        "\n Status and Counters - Port Status\n\n\
         \x20                 | Intrusion                           MDI  Flow Bcast\n  \
         Port Type       | Alert     Enabled Status Mode       Mode Ctrl Limit\n  \
         ---- ---------- + --------- ------- ------ ---------- ---- ---- -----\n  \
         {port:<4} 100/1000T  | No        {enabled:<7} Up     1000FDx    MDIX off  0\n\n"
    ))
}

pub(super) fn vlans_of(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    let vlan = visit.running().port(port).access_vlan;
    let name = visit.running().vlan_name(vlan);
    Reply::Text(format!(
        "\n Status and Counters - VLAN Information - for ports {port}\n\n  \
         Port name:\n  VLAN ID Name                             | Status     Voice Jumbo Mode\n  \
         ------- -------------------------------- + ---------- ----- ----- --------\n  \
         {vlan:<7} {name:<32} | Port-based No    No    Untagged\n\n"
    ))
}
