//! MikroTik RouterOS on a switch of the CRS3xx kind, written from MikroTik's documentation: no modes, no save, and commands
//! that arrive one on a channel. What is changed is changed for good, and a selection that matches nothing changes nothing and says
//! so by silence.
//!
//! It must stay ignorant of how any client drives the device, or it would agree with that client's mistakes.

mod menus;
mod script;

use super::command::{Reply, Visit};
use super::configuration::Configuration;
use script::{Statement, parse};

/// In the only prompt that there is.
pub(super) fn prompt(name: &str, username: &str) -> String {
    format!("[{username}@{name}] > ")
}

/// Runs a script: statement by statement, until one fails. What was done before it stays done.
pub(super) fn run(visit: &mut Visit<'_>, line: &str) -> Reply {
    let mut said = String::new();
    let statements = match parse(line) {
        Ok(statements) => statements,
        Err(fault) => return Reply::line(fault),
    };
    for statement in &statements {
        match perform(visit, statement) {
            Ok(text) => said.push_str(&text),
            Err(fault) => {
                said.push_str(&format!("{fault}\n"));
                break;
            }
        }
    }
    visit.device.save();
    if said.is_empty() { Reply::Silence } else { Reply::Text(said) }
}

fn perform(visit: &mut Visit<'_>, statement: &Statement) -> Result<String, String> {
    match statement {
        Statement::Put(parts) => {
            let values = parts.iter().map(|part| match part {
                script::Part::Text(text) => Ok(text.clone()),
                script::Part::Command(command) => menus::value(visit, command),
            });
            Ok(format!("{}\n", values.collect::<Result<String, String>>()?))
        }
        Statement::Command(command) => menus::perform(visit, command),
    }
}

/// The port's lines, as an export writes them.
pub(super) fn port_text(running: &Configuration, port: u16) -> String {
    menus::export(running, port)
}
