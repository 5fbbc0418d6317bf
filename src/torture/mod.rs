//! The torture run: real processes of this binary on a real store, simulated switches, receivers and partners around them, and
//! a schedule of faults drawn from a seed. In the end everything must come to rest, and the outside checker must find nothing.
//!
//! ```text
//!   seed ─▶ plan ─▶ blows ─▶ instances, Redis, disk, switches, receivers     each counted when it took effect
//!   seed ─▶ clients ───────▶ instances                                        each attempt remembered
//!   calm: faults end ─▶ everything drains ─▶ SIGTERM ─▶ checker ─▶ report
//! ```
//!
//! It stands outside: it speaks to the service as clients, operators and service managers do, by HTTP, command line and
//! signals, and beside that only by the fault orders of a test build. It must never ask the service whether an invariant
//! held, nor leave anything out of the history that a witness saw.

mod blow;
mod book;
mod calm;
mod clients;
mod conduct;
mod config;
mod disk;
mod evidence;
mod instances;
mod kept;
mod logs;
mod operator;
mod options;
mod partners;
mod plan;
mod redis;
mod report;
mod run;
mod strike;
mod switches;
mod tally;
mod world;

pub use run::run;
