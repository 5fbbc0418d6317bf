//! Sends one webhook, once: signs the body as it is, and posts it.
//!
//! When an event is tried, how often, and what an answer means is decided elsewhere; here an attempt either brings a
//! status or it doesn't. Nothing here follows a redirect, reads meaning into the body of an answer, or puts a secret
//! into an error.

mod addresses;
pub mod sender;
pub mod signature;
#[cfg(test)]
mod tests;

pub use sender::{AwcSender, SenderFactory, Settings};
