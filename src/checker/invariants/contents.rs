//! What the contract's table says that an event carries, beside what every event does: part of invariant 4.
//!
//! An event that arrives with somebody else's plan, port or unit tells its partner a falsehood, however well it is signed.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use super::super::case::Case;
use super::super::event::Event;
use super::super::history::{EventName, Intent};
use super::super::request::Wish;

/// What is wrong with it, if anything is.
pub(super) fn fault(case: &Case<'_>, event: &Event<'_>) -> Option<String> {
    let body: Value = serde_json::from_slice(&event.delivery.body).unwrap_or(Value::Null);
    if !body["timestamp"].is_f64() {
        return Some("without a timestamp in seconds".to_owned());
    }
    if event.delivery.attempt.is_none_or(|attempt| attempt == 0) {
        return Some("without X-Webhook-Attempt".to_owned());
    }
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_ascii_lowercase();
    match event.name {
        EventName::Failed => in_error(&text("error")),
        EventName::Activated => in_activation(case, &text("plan_version_id"), &text("location_hash")),
        EventName::PendingInstall => in_pending_install(case, &text("unit_id")),
        EventName::Completed | EventName::Cancelled | EventName::Other(_) => None,
    }
}

/// A text that a partner can act on, never an address.
fn in_error(error: &str) -> Option<String> {
    if error.is_empty() {
        return Some("without an error".to_owned());
    }
    let is_edge = |c: char| ",.;()\"'".contains(c);
    let is_address = |word: &&str| word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok();
    let address = error
        .split_whitespace()
        .map(|word| word.trim_matches(is_edge).trim_end_matches(':'))
        .find(is_address);
    address.map(|address| format!("with the address {address} in its error"))
}

/// Where the plan was changed later, either may be right; and of several installs that may have had an effect, each.
fn in_activation(case: &Case<'_>, plan: &str, location: &str) -> Option<String> {
    let wish = case.wish()?;
    let is_changed = case.effective_calls().any(|call| matches!(call.intent, Intent::ChangePlan { .. }));
    let bought = wish.plan().to_string();
    if plan != bought && !is_changed {
        return Some(format!("with plan {plan:?} instead of {bought}"));
    }
    let is_its = match wish {
        Wish::Direct { location: asked, .. } => location == asked,
        Wish::HomeDrop { .. } => case.effective_calls().any(|call| match &call.intent {
            Intent::ConfirmInstall { location: patched } => patched.eq_ignore_ascii_case(location),
            _ => false,
        }),
    };
    (!is_its).then(|| format!("with location {location:?}, which nobody asked for under its key"))
}

fn in_pending_install(case: &Case<'_>, unit: &str) -> Option<String> {
    match case.wish()? {
        Wish::HomeDrop { unit: asked, .. } => {
            (unit != asked.to_string()).then(|| format!("with unit {unit:?} instead of {asked}"))
        }
        Wish::Direct { .. } => Some("although the checkout was for a port that is there".to_owned()),
    }
}
