//! What Switchyard decides.
//!
//! ```text
//!   HTTP edge ──▶ Provisioning (handle) ──▶ CheckoutActor ──▶ Store
//!                                                │ wake
//!                                                ▼
//!                                  Fleet ──▶ SwitchSupervisor ──▶ SwitchDriver
//!                                                │ outcome and event, one commit
//!                                                ▼
//!                       WebhookSender ◀── WebhookActor ◀── Store
//! ```
//!
//! `domain` knows nothing of actors; actors know `domain`, `ports` and each other's messages, never each other's
//! structs. No HTTP, SSH or database library is in this crate's manifest.

pub mod archivist;
pub mod checkout;
pub mod domain;
pub mod fail_points;
pub mod fleet;
pub mod graph;
pub mod logins;
pub mod membership;
pub mod outside;
pub mod ports;
pub mod provisioning;
pub mod release;
pub mod safeguards;
pub mod settings;
pub mod supervision;
pub mod surveyor;
pub mod switch;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod webhook;
