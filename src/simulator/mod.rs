//! Switches as real SSH servers: Cisco IOS, Arista EOS and others, with their modes, prompts, echo, paging, refusals,
//! running and start-up configuration; and faults on order. Beside them, a webhook receiver that remembers.
//!
//! ```text
//!   fleet ── accepts, finds the switch by address or port ──▶ SimulatedSwitch ◀── a test reads and orders here
//!     └──▶ connection (SSH: who may log in) ──▶ shell (echo, pager, dialogs, faults, waiting), or exec (a command a channel)
//!                                                 └──▶ ios | eos | … (what a line does) ──▶ device, configuration
//! ```
//!
//! A simulated switch is a device, not a mode of the service: its personalities are written from what vendors
//! document. It must never read a platform file of the driver, nor name another part of the service, or the two
//! would agree with each other's mistakes. It only says which platform is for it (`Personality::platform`).

mod aos_s;
mod aoscx;
mod chance;
mod command;
mod configuration;
mod connection;
mod dead_man;
mod device;
mod distance;
mod edgeswitch;
mod eos;
mod exec;
mod faults;
mod filter;
mod fleet;
mod garble;
mod grammar;
mod ios;
mod junos;
mod line_editor;
mod pager;
mod personality;
mod plan;
pub mod receiver;
mod report;
mod routeros;
mod shell;
mod stream;
mod switch;
mod temper;
#[cfg(test)]
mod tests;
mod times;

pub use chance::Chance;
pub use configuration::PortConfig;
pub use faults::{FallBack, Fault};
pub use fleet::{Addressing, SimulatedFleet};
pub use personality::Personality;
pub use plan::{PortReading, ReceivedCommand, SeenSession, SwitchCounts, SwitchPlan};
pub use report::{Sighting, read_sightings, write_sightings};
pub use switch::SimulatedSwitch;
