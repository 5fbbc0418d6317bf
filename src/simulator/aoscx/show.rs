//! What AOS-CX shows.

use std::fmt::Write;

use super::super::command::{Reply, Visit};
use super::super::device::spell_uptime;
use super::super::grammar::Arguments;
use super::super::personality::Personality;
use super::port::port_text;

/// Writing to a `String` can't fail.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        writeln!($text, $($arguments)*).expect("a String takes every write")
    };
}

pub(super) fn version(_: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(
        "-----------------------------------------------------------------------------\nArubaOS-CX\n\
         -----------------------------------------------------------------------------\n\
         Version      : FL.10.10.1010\nBuild Date   : 2022-11-04 14:18:44 UTC\nActive Image : primary\n\n\
         Service OS Version : FL.01.11.0001\nBIOS Version       : FL.01.0002\n"
            .to_owned(),
    )
}

/// The version tells no serial number; this does.
pub(super) fn system(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let device = &visit.device;
    let uptime = spell_uptime(device.uptime(visit.now), ", ");
    Reply::Text(format!(
        "Hostname           : {}\nSystem Description : FL.10.10.1010\nSystem Contact     :\nSystem Location    :\n\n\
         Vendor             : Aruba\nProduct Name       : JL664A 6300M 24G 4SFP56 Swch\n\
         Chassis Serial Nbr : {}\nBase MAC Address   : 883a30-000001\nArubaOS-CX Version : FL.10.10.1010\n\n\
         Time Zone          : UTC\n\nUp Time            : {uptime}\nCPU Util (%)       : 8\n\
         Memory Usage (%)   : 25\n",
        device.name,
        device.serial()
    ))
}

pub(super) fn hostname(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::line(visit.device.name.clone())
}

pub(super) fn running(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let running = visit.running();
    let mut text = format!(
        "Current configuration:\n!\n!Version ArubaOS-CX FL.10.10.1010\nhostname {}\n",
        visit.device.name
    );
    running.vlans.keys().for_each(|vlan| put!(text, "vlan {vlan}"));
    for (name, entries) in &running.policies {
        put!(text, "policy {name}");
        entries.iter().filter_map(|(number, entry)| Some((number, entry.as_ref()?))).for_each(
            |(number, entry)| {
                put!(text, "    {number} {entry}");
            },
        );
    }
    (1..=visit.device.ports).for_each(|port| text.push_str(&port_text(running, port)));
    Reply::Text(text)
}

pub(super) fn running_interface(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.device.show_port(arguments.port(0), visit.now);
    Reply::Text(port_text(visit.running(), arguments.port(0)))
}

pub(super) fn vlan(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = "---------------------------------------------------------------------------\n\
                    VLAN  Name                              Status  Reason          Type      Interfaces\n\
                    ---------------------------------------------------------------------------\n"
        .to_owned();
    let running = visit.running();
    for vlan in std::iter::once(1).chain(running.vlans.keys().copied()) {
        let ports = running.ports_in_vlan(vlan, visit.device.ports);
        let names: Vec<_> = ports.into_iter().map(|port| Personality::Aoscx.port_name(port)).collect();
        put!(
            text,
            "{vlan:<5} {:<33} up      ok              static    {}",
            running.vlan_name(vlan),
            names.join(",")
        );
    }
    Reply::Text(text)
}
