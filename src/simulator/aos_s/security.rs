//! Port security of AOS-S: how a port learns addresses, how many it takes, what it does about others, and the addresses it
//! was told.

use super::super::command::{Reply, Visit};
use super::super::configuration::PortConfig;
use super::super::grammar::Arguments;
use super::super::personality::Personality;

const CONTINUOUS: &str = "continuous";

/// `learn-mode`, `address-limit`, `mac-address` and `action`, in any order, all or none of it.
pub(super) fn set(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    let words: Vec<_> = arguments.text(1).split_whitespace().collect();
    let mut config = visit.configuration().port(port);
    for pair in words.chunks(2) {
        let set = match pair {
            [key, value] => set_one(&mut config, key, value),
            [key] => Err(format!("Incomplete input: {key}")),
            _ => Ok(()),
        };
        if let Err(refusal) = set {
            return Reply::line(refusal);
        }
    }
    if config.static_macs.len() > usize::from(config.max_mac) {
        return Reply::line("Number of configured addresses on port exceeds address-limit.");
    }
    *visit.configuration().port_mut(port) = config;
    Reply::Silence
}

fn set_one(config: &mut PortConfig, key: &str, value: &str) -> Result<(), String> {
    let invalid = || format!("Invalid input: {value}");
    match key {
        "learn-mode" if [CONTINUOUS, "static", "configured"].contains(&value) => {
            config.learn_mode = value.to_owned();
            config.port_security = value != CONTINUOUS;
        }
        "address-limit" => config.max_mac = value.parse().map_err(|_| invalid())?,
        "action" if ["none", "send-alarm", "send-disable"].contains(&value) => {
            config.violation = (value != "none").then(|| value.to_owned());
        }
        "mac-address" => {
            let mac = Personality::AosS.parse_mac(value).ok_or_else(invalid)?;
            if !config.static_macs.contains(&mac) {
                config.static_macs.push(mac);
            }
        }
        "learn-mode" | "action" => return Err(invalid()),
        _ => return Err(format!("Invalid input: {key}")),
    }
    Ok(())
}

/// All of it is as shipped again.
pub(super) fn clear(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let shipped = PortConfig::factory(Personality::AosS);
    let config = visit.configuration().port_mut(arguments.port(0));
    config.port_security = shipped.port_security;
    config.max_mac = shipped.max_mac;
    config.violation = shipped.violation;
    config.learn_mode = shipped.learn_mode;
    config.static_macs.clear();
    Reply::Silence
}

pub(super) fn remove(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let held = &mut visit.configuration().port_mut(arguments.port(0)).static_macs;
    if !held.iter().any(|mac| mac == arguments.text(1)) {
        return Reply::line("Address not found.");
    }
    held.retain(|mac| mac != arguments.text(1));
    Reply::Silence
}

pub(super) fn show(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    let config = visit.running().port(port);
    let learns = match config.learn_mode.as_str() {
        "static" => "Static",
        "configured" => "Configured",
        _ => "Continuous",
    };
    let action = match config.violation.as_deref() {
        Some("send-alarm") => "Send Alarm",
        Some("send-disable") => "Send Alarm, Disable Port",
        _ => "None",
    };
    let held: String = config.static_macs.iter().map(|mac| format!("  {mac}\n")).collect();
    Reply::Text(format!(
        "\n Port Security\n\n  Port : {port}\n  \
         Learn Mode [Continuous] : {learns:<20} Address Limit [1] : {}\n  \
         Action [None] : {action}\n  Eavesdrop Prevention [Enabled] : Enabled\n\n  \
         Authorized Addresses\n  --------------------\n{held}\n",
        config.max_mac
    ))
}
