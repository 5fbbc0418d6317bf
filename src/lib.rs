//! Switchyard turns a paid checkout into a live switch port: exactly once, over SSH, with a signed webhook.
//!
//! This crate touches: HTTP, the store's file, SSH, webhooks, and the simulated devices that stand at the other end. What is
//! decided is decided in `switchyard_actors`. Only [`startup`], the demo and the bench name siblings.

pub mod bench;
#[cfg(any(test, feature = "fail-points"))]
pub mod checker;
pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod demo;
#[cfg(feature = "fail-points")]
pub mod fault_orders;
#[cfg(all(test, feature = "fail-points"))]
mod histories;
pub mod http;
pub mod inventory;
pub mod machine;
pub mod operations;
pub mod redis_lab;
pub mod signals;
pub mod simulator;
pub mod ssh;
pub mod startup;
pub mod store;
pub mod telemetry;
#[cfg(feature = "fail-points")]
pub mod torture;
pub mod webhook;
