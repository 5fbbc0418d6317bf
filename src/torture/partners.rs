//! The partners: two, so that one could see what is the other's, each with plans and a receiver of its own.

use crate::simulator::receiver::WebhookReceiver;
use anyhow::Context as _;
use std::collections::HashMap;
use uuid::Uuid;

/// How many.
pub const COUNT: usize = 2;

/// A partner.
#[derive(Debug)]
pub struct Partner {
    /// `service_provider_document_id`.
    pub id: Uuid,
    /// What opens the checkout and signs its webhooks.
    pub secret: String,
    /// What it sells.
    pub plans: [PlanVersion; 2],
    /// Where its webhooks go.
    pub receiver: WebhookReceiver,
}

/// A plan's version.
#[derive(Debug, Clone, Copy)]
pub struct PlanVersion {
    /// `plan_version_id`.
    pub id: Uuid,
    /// The access VLAN.
    pub vlan: u16,
    /// To the subscriber.
    pub down_kbps: u64,
    /// From the subscriber.
    pub up_kbps: u64,
}

impl Partner {
    /// All of them, with their receivers started.
    ///
    /// # Errors
    /// When a receiver can't be started.
    pub fn start_all() -> anyhow::Result<Vec<Self>> {
        (0..COUNT).map(Self::start).collect()
    }

    fn start(number: usize) -> anyhow::Result<Self> {
        let id = Uuid::new_v4();
        let secret = format!("whsec-{}", Uuid::new_v4().simple());
        let secrets = HashMap::from([(id.to_string(), secret.clone())]);
        let receiver = WebhookReceiver::start(secrets).context("a webhook receiver")?;
        let vlan = 100 + 10 * u16::try_from(number).expect("two partners");
        let plans = [
            PlanVersion { id: Uuid::new_v4(), vlan, down_kbps: 100_000, up_kbps: 20_000 },
            PlanVersion { id: Uuid::new_v4(), vlan: vlan + 1, down_kbps: 1_000_000, up_kbps: 200_000 },
        ];
        Ok(Self { id, secret, plans, receiver })
    }
}
