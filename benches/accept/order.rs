//! What is ordered: each checkout has a number, and from it its place, its key, and its bytes on the wire.
//!
//! Every text that a number makes has one length, so that a recorded call can be made for another number by writing
//! over it.

use std::ops::Range;

pub const PARTNER: &str = "00000000-0000-0000-0000-0000000000a1";
pub const PLAN: &str = "00000000-0000-0000-0000-0000000000b1";
pub const SECRET: &str = "whsec-of-the-bench";
/// Many enough that no queue gets long, few enough that all are met while warming up.
pub const SWITCHES: usize = 50;

/// Hands numbers out, none twice: a place is taken once.
pub struct Orders {
    next: usize,
    capacity: usize,
}

impl Orders {
    pub fn new(capacity: usize) -> Self {
        Self { next: 0, capacity }
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub fn take(&mut self, count: usize) -> Range<usize> {
        let from = self.next;
        self.next += count;
        assert!(self.next <= self.capacity, "the inventory has too few ports");
        from..self.next
    }
}

pub fn switch(number: usize) -> String {
    format!("sw-{:04}", number % SWITCHES)
}

pub fn port(number: usize) -> String {
    format!("Gi1/0/{number:07}")
}

pub fn location(number: usize) -> String {
    format!("{number:010x}")
}

/// The partner's own id.
pub fn external(number: usize) -> String {
    format!("order-{number:010}")
}

/// The request of this number.
pub fn request(number: usize) -> Vec<u8> {
    let body = format!(
        "{{\"service_provider_document_id\":\"{PARTNER}\",\"plan_version_id\":\"{PLAN}\",\
         \"location_hash\":\"{}\",\"external_subscription_id\":\"{}\"}}",
        location(number),
        external(number)
    );
    format!(
        "POST /api/v1/partner/external-checkout/anonymous-complete HTTP/1.1\r\nhost: bench\r\n\
         content-type: application/json\r\nx-webhook-secret: {SECRET}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
