//! Every limit of the graph, as a number with its unit. `config/default.toml` has the values that ship.

use crate::domain::delivery::DeliveryPolicy;
use crate::domain::drift::DriftPolicy;
use crate::domain::job::RetryPolicy;
use crate::domain::logins::LoginPolicy;
use crate::domain::restart::RestartPolicy;
use crate::domain::upkeep::UpkeepPolicy;
use serde::Deserialize;
use std::time::Duration;

/// How checkouts are accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckoutSettings {
    /// Most checkouts under way at once; one more is told to come back.
    pub max_in_flight: usize,
    /// How often a checkout that lost a race looks again before it is told to come back.
    pub max_rounds: u32,
    /// How long a claim may be undecided before whoever finds its job on a switch decides it.
    pub claim_ms: u64,
}

/// How often and how long a job is tried.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSettings {
    /// Attempts in all.
    pub attempts: u32,
    /// First back-off; it doubles.
    pub first_back_off_ms: u64,
    /// Longest back-off.
    pub longest_back_off_ms: u64,
    /// All attempts and back-offs together.
    pub in_all_ms: u64,
    /// How old a job may get before it fails without having been tried.
    pub max_age_ms: u64,
    /// Panics of a supervisor over one job until it fails.
    pub panics: u32,
}

/// How switches are supervised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupervisionSettings {
    /// Threads that supervisors are spread over; 0 is one a core.
    pub threads: usize,
    /// Most sessions being opened at once.
    pub max_opening: usize,
    /// An opening that takes longer no longer counts among these.
    pub slow_opening_ms: u64,
    /// Most supervisors that ask the store what to do at once.
    pub max_looking: usize,
    /// Longest time for opening a session, for one step of a visit, or for a save.
    pub step_ms: u64,
    /// How long a session stays open with nothing to do.
    pub idle_ms: u64,
    /// Most ports of one visit to a switch; 1 is one after another.
    pub visit_ports: usize,
    /// How long an applied port may wait for its save while other jobs come first.
    pub save_longest_wait_ms: u64,
    /// How long a dirty port waits before it is tried again, and, at most, a save that failed.
    pub repair_ms: u64,
    /// How often the store is asked for work whose wake was lost.
    pub sweep_ms: u64,
    /// First wait before an actor that panicked is started again; it doubles.
    pub first_restart_ms: u64,
    /// Longest such wait.
    pub longest_restart_ms: u64,
    /// A run of an actor that lasted so long forgives all panics before it.
    pub forgive_panics_ms: u64,
    /// Panics in a row until a switch is quarantined.
    pub quarantine_panics: u32,
    /// Panics over the repair of one port until it is set aside.
    pub repair_panics: u32,
}

/// How webhooks are delivered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliverySettings {
    /// Attempts in all.
    pub attempts: u32,
    /// Wait after the first failed attempt; it doubles.
    pub first_wait_ms: u64,
    /// Longest wait.
    pub longest_wait_ms: u64,
    /// Most events on their way to one partner at once.
    pub max_in_flight_per_partner: usize,
    /// Most events on their way at once.
    pub max_in_flight: usize,
    /// How often the store is asked for events whose wake was lost.
    pub sweep_ms: u64,
    /// Panics over one event until it is a dead letter.
    pub panics: u32,
}

/// How long what has ended is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionSettings {
    /// Days that the full record stays after a subscription's end; then its tombstone, for good.
    pub full_days: u64,
    /// How often the store is asked for what is due.
    pub sweep_ms: u64,
    /// Days that what was said on a switch's sessions is kept after the last word.
    pub transcript_days: u64,
    /// How many such texts of one switch are kept, one a job; the oldest goes first.
    pub transcripts_per_switch: usize,
    /// The most that is kept of one, over all attempts of its job; the oldest lines go first.
    pub transcript_bytes: usize,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            full_days: 30,
            sweep_ms: 3_600_000,
            transcript_days: 30,
            transcripts_per_switch: 200,
            transcript_bytes: 65_536,
        }
    }
}

impl RetentionSettings {
    /// The days, in milliseconds.
    #[must_use]
    pub fn keep_ms(&self) -> u64 {
        self.full_days.saturating_mul(86_400_000)
    }

    /// The days of transcripts, in milliseconds.
    #[must_use]
    pub fn transcript_keep_ms(&self) -> u64 {
        self.transcript_days.saturating_mul(86_400_000)
    }
}

/// How ports that somebody else changed are found and repaired.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftSettings {
    /// How often each switch's managed ports are compared with what they should be; 0 is never by itself.
    pub check_ms: u64,
    /// How often the store is asked for switches whose check is due.
    pub sweep_ms: u64,
    /// How often switches that are new in the inventory are entered for their checks.
    pub enrol_ms: u64,
    /// Checks that one sweep begins, at most.
    pub max_checks_per_sweep: usize,
    /// Sessions that may break before a check is given up.
    pub attempts: u32,
    /// When a check that was given up is tried again.
    pub retry_ms: u64,
    /// A switch that went away and came back isn't checked again within this.
    pub reconnect_pause_ms: u64,
    /// Ports that one check repairs; when more differ, none is.
    pub max_repairs: usize,
    /// Repairs of one port before it is left alone.
    pub max_repairs_per_port: u32,
    /// Between the first repair of a port and the second; it doubles.
    pub first_wait_ms: u64,
    /// After so long without a repair, a port's earlier ones no longer count.
    pub forget_ms: u64,
    /// Entries that are kept of what differed on one switch.
    pub max_entries: usize,
}

impl Default for DriftSettings {
    fn default() -> Self {
        Self {
            check_ms: 86_400_000,
            sweep_ms: 60_000,
            enrol_ms: 3_600_000,
            max_checks_per_sweep: 50,
            attempts: 3,
            retry_ms: 900_000,
            reconnect_pause_ms: 60_000,
            max_repairs: 8,
            max_repairs_per_port: 3,
            first_wait_ms: 600_000,
            forget_ms: 604_800_000,
            max_entries: 200,
        }
    }
}

impl DriftSettings {
    /// As the verdict takes it.
    #[must_use]
    pub fn policy(&self) -> DriftPolicy {
        DriftPolicy {
            most_repairs: self.max_repairs,
            upkeep: UpkeepPolicy {
                most_repairs: self.max_repairs_per_port,
                first_wait_millis: self.first_wait_ms,
                forget_millis: self.forget_ms,
            },
            entries: self.max_entries,
        }
    }
}

/// How several instances share the work, on a store that they share.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterSettings {
    /// How long an instance that gives no sign of life keeps its switches.
    pub lease_ms: u64,
    /// How often an instance gives one.
    pub beat_ms: u64,
    /// How much earlier an instance that can't give one stops writing to switches. Clocks may differ in speed by the
    /// share that this is of the lease.
    pub margin_ms: u64,
}

/// When it is the authentication service that refuses, and not a switch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginSettings {
    /// Switches that refuse within the window until logins are paused for all; 0 never pauses.
    pub refused_switches: usize,
    /// The window; so long a refusal waits before its switch is quarantined for it.
    pub window_ms: u64,
    /// The first pause before one switch tries; it doubles while they are refused.
    pub first_pause_ms: u64,
    /// The longest such pause.
    pub longest_pause_ms: u64,
}

impl Default for LoginSettings {
    fn default() -> Self {
        Self { refused_switches: 3, window_ms: 30_000, first_pause_ms: 30_000, longest_pause_ms: 300_000 }
    }
}

impl LoginSettings {
    /// As the machine takes it.
    #[must_use]
    pub fn policy(&self) -> LoginPolicy {
        LoginPolicy {
            refused_switches: self.refused_switches,
            window_millis: self.window_ms,
            first_pause_millis: self.first_pause_ms,
            longest_pause_millis: self.longest_pause_ms,
        }
    }
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct GraphSettings {
    /// Checkouts.
    pub checkout: CheckoutSettings,
    /// Jobs.
    pub job: JobSettings,
    /// Supervisors.
    pub supervision: SupervisionSettings,
    /// Webhooks.
    pub delivery: DeliverySettings,
    /// What has ended.
    pub retention: RetentionSettings,
    /// Drift.
    pub drift: DriftSettings,
    /// Several instances.
    pub cluster: ClusterSettings,
    /// Refused logins.
    pub logins: LoginSettings,
}

impl Default for CheckoutSettings {
    fn default() -> Self {
        Self { max_in_flight: 4_096, max_rounds: 16, claim_ms: 10_000 }
    }
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_back_off_ms: 1_000,
            longest_back_off_ms: 30_000,
            in_all_ms: 600_000,
            max_age_ms: 86_400_000,
            panics: 3,
        }
    }
}

impl Default for SupervisionSettings {
    fn default() -> Self {
        Self {
            threads: 0,
            max_opening: 64,
            slow_opening_ms: 250,
            max_looking: 256,
            step_ms: 120_000,
            idle_ms: 60_000,
            visit_ports: 32,
            save_longest_wait_ms: 30_000,
            repair_ms: 60_000,
            sweep_ms: 10_000,
            first_restart_ms: 100,
            longest_restart_ms: 30_000,
            forgive_panics_ms: 300_000,
            quarantine_panics: 10,
            repair_panics: 3,
        }
    }
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            attempts: 3,
            first_wait_ms: 2_000,
            longest_wait_ms: 30_000,
            max_in_flight_per_partner: 32,
            max_in_flight: 512,
            sweep_ms: 10_000,
            panics: 3,
        }
    }
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self { lease_ms: 10_000, beat_ms: 1_000, margin_ms: 1_000 }
    }
}

impl ClusterSettings {
    /// The lease.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// Between two beats.
    #[must_use]
    pub fn beat(&self) -> Duration {
        Duration::from_millis(self.beat_ms)
    }

    /// How long a beat lets its instance write to switches: the lease without the margin.
    #[must_use]
    pub fn tenure(&self) -> Duration {
        Duration::from_millis(self.lease_ms.saturating_sub(self.margin_ms))
    }

    /// Whether they fit together: three beats, at least, in the time that one allows for.
    ///
    /// # Errors
    /// The key, the value seen, and what is accepted.
    pub fn check(&self) -> Result<(), String> {
        let room = self.lease_ms.saturating_sub(self.margin_ms);
        if self.margin_ms == 0 || room == 0 {
            return Err(format!(
                "cluster.margin_ms is {}: from 1 to less than cluster.lease_ms = {} is accepted",
                self.margin_ms, self.lease_ms
            ));
        }
        if self.beat_ms == 0 || self.beat_ms > room / 3 {
            return Err(format!(
                "cluster.beat_ms is {}: from 1 to {} is accepted, a third of cluster.lease_ms without cluster.margin_ms",
                self.beat_ms,
                room / 3
            ));
        }
        Ok(())
    }
}

impl SupervisionSettings {
    /// Until when an opening counts among those that are limited.
    #[must_use]
    pub fn slow_opening(&self) -> Duration {
        Duration::from_millis(self.slow_opening_ms)
    }

    /// As the restart machine takes it.
    #[must_use]
    pub fn restart_policy(&self) -> RestartPolicy {
        RestartPolicy {
            first_wait_millis: self.first_restart_ms,
            longest_wait_millis: self.longest_restart_ms,
            escalate_after: self.quarantine_panics,
            forgive_millis: self.forgive_panics_ms,
        }
    }
}

impl GraphSettings {
    /// Whether the limits on panics fit together: what one job can cause must not quarantine its switch.
    ///
    /// # Errors
    /// The key, the value seen, and what is accepted.
    pub fn check_panics(&self) -> Result<(), String> {
        // A panic over many at once is charged to none of them, and then each is visited alone: once as a job, once as a repair.
        let together = if self.supervision.visit_ports > 1 { 2 } else { 0 };
        let alone = self.job.panics.saturating_add(self.supervision.repair_panics);
        let by_one_job = alone.saturating_add(together);
        if self.supervision.quarantine_panics > by_one_job {
            return Ok(());
        }
        Err(format!(
            "supervision.quarantine_panics is {}: more than job.panics and supervision.repair_panics together, and \
             one more for each where supervision.visit_ports isn't 1, is accepted, {by_one_job}, or one job would quarantine its switch",
            self.supervision.quarantine_panics
        ))
    }

    /// How a save that failed is tried again: as a job is, with a wait that grows to that of a repair.
    #[must_use]
    pub fn save_policy(&self) -> RetryPolicy {
        RetryPolicy { longest_back_off_millis: self.supervision.repair_ms, ..self.job.policy() }
    }

    /// No wait that anything is put on record with is longer.
    #[must_use]
    pub fn longest_wait_ms(&self) -> u64 {
        let waits = [
            self.job.longest_back_off_ms,
            self.supervision.repair_ms,
            self.delivery.longest_wait_ms,
            self.checkout.claim_ms,
        ];
        waits.into_iter().max().expect("there are waits")
    }
}

impl JobSettings {
    /// As the job machine takes it.
    #[must_use]
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy {
            attempts: self.attempts,
            first_back_off_millis: self.first_back_off_ms,
            longest_back_off_millis: self.longest_back_off_ms,
            in_all_millis: self.in_all_ms,
            panics: self.panics,
        }
    }
}

impl DeliverySettings {
    /// As the delivery machine takes it.
    #[must_use]
    pub fn policy(&self) -> DeliveryPolicy {
        DeliveryPolicy {
            attempts: self.attempts,
            first_wait_millis: self.first_wait_ms,
            longest_wait_millis: self.longest_wait_ms,
            panics: self.panics,
        }
    }
}
