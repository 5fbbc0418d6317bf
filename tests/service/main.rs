//! The service as a whole: real HTTP in, a real store, real SSH to simulated or real switches, real webhooks out.

mod bad_input;
mod bench;
mod checkout;
#[cfg(feature = "fail-points")]
mod drift;
#[cfg(feature = "fail-points")]
mod every_step;
#[cfg(feature = "fail-points")]
mod fault_orders;
mod first_contact;
mod harness;
#[cfg(feature = "fail-points")]
mod instances;
#[cfg(feature = "fail-points")]
mod judged;
mod kill;
mod load;
#[cfg(feature = "fail-points")]
mod moving;
#[cfg(feature = "fail-points")]
mod panics;
mod peers;
mod platform_files;
mod power_cut;
mod real_switch;
mod records;
#[cfg(feature = "fail-points")]
mod redis;
#[cfg(feature = "fail-points")]
mod rolling;
mod secrets;
mod sick_fleet;
mod stopping;
mod switch_log;
#[cfg(feature = "fail-points")]
mod torture;
mod visits;
#[cfg(feature = "fail-points")]
mod witnesses;
