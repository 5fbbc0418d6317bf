//! The inventory: what the operator owns and the partners sell, as a TOML file that is read, checked, compared with
//! the store and applied.
//!
//! ```text
//!   text ──parse──▶ Wanted ──┐
//!                            ├──faults_against, plan_changes──▶ Vec<Change> ──apply──▶ commits
//!   store ──read──▶ Current ─┘
//! ```
//!
//! A record that a file names is stated in full; what it doesn't name is left alone; only `[remove]` takes away. A
//! file with one fault changes nothing. No secret's value ever leaves this module in words.

mod apply;
mod current;
mod fault;
mod item;
mod parse;
mod plan;
mod secrets;
mod table;
mod usage;
mod wanted;

pub use apply::{Applied, ApplyError, Settings, apply, compare};
pub use current::{Current, Kept};
pub use fault::{Fault, Faults, Place, Placed};
pub use item::Item;
pub use parse::{Surroundings, parse};
pub use plan::{Change, faults_against, plan_changes};
pub use secrets::{ProcessSecrets, SecretSource};
pub use wanted::{Removal, Statement, Wanted};
