//! The gate before every opening: asked whether switches are logged into at all, told what came of each login. It decides
//! nothing: [`Logins::apply`] does. There is one for all switches of an instance; what is paused here is not on record,
//! since a restart, or another instance, finds it out by the same few refusals.

use crate::domain::failure::{DriverFailure, FailureClass};
use crate::domain::ids::SwitchId;
use crate::domain::logins::{LoginPolicy, Logins, LoginsEffect, LoginsEvent};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long an opening is held back in one go. Then its supervisor chooses anew: jobs that grew too old fail during a pause
/// too, and a switch that is another's by now is handed over.
const HELD_AT_MOST: Duration = Duration::from_secs(60);

/// The gate.
pub struct LoginGate {
    logins: Mutex<Logins>,
    policy: LoginPolicy,
    began: Instant,
    changed: watch::Sender<()>,
}

/// Logins are paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "LOGINS PAUSED for {} s: {switches} switches refused, and {failed_probes} probes since; the authentication service \
     seems to be down. One switch at a time tries; nothing is quarantined for it, and queues are kept.",
    millis / 1_000
)]
pub struct LoginsPaused {
    /// For so long.
    pub millis: u64,
    /// By the refusals of so many switches.
    pub switches: usize,
    /// Probes that were refused since.
    pub failed_probes: u32,
}

/// An opening that was let through. Dropped before anything is known of its login, it lets another probe.
pub struct Pass<'g> {
    gate: &'g LoginGate,
    switch: SwitchId,
    is_told: bool,
}

/// What an opening came to.
pub enum Attempt<T> {
    /// This, which stands.
    Stands(Result<T, DriverFailure>),
    /// Nothing: it was refused while everybody is, and is to be tried again.
    Again,
}

/// No pass yet.
pub struct HeldBack {
    until: Instant,
    changes: watch::Receiver<()>,
}

/// Until when openings of one supervisor are held back; then it chooses anew.
#[derive(Clone, Copy)]
pub struct Patience(Instant);

impl Patience {
    /// From now on.
    #[must_use]
    pub fn begin() -> Self {
        Self(Instant::now() + HELD_AT_MOST)
    }
}

impl HeldBack {
    /// Waits until somebody may be let through; `false` when the patience ends first.
    pub async fn wait(self, patience: Patience) -> bool {
        changes_by(self.changes, self.until.min(patience.0)).await;
        Instant::now() < patience.0
    }
}

async fn changes_by(mut changes: watch::Receiver<()>, moment: Instant) {
    // The gate outlives whoever waits at it.
    let _ = timeout_at(moment, changes.changed()).await;
}

impl LoginGate {
    /// With this policy, and nothing known.
    #[must_use]
    pub fn new(policy: LoginPolicy) -> Self {
        Self { logins: Mutex::default(), policy, began: Instant::now(), changed: watch::Sender::new(()) }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn at(&self, millis: u64) -> Instant {
        self.began + Duration::from_millis(millis)
    }

    fn tell(&self, event: LoginsEvent) -> LoginsEffect {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::discriminant(&*logins);
        let (next, effect) = std::mem::take(&mut *logins).apply(event, self.now(), &self.policy);
        let is_probing = matches!(next, Logins::Probing { .. });
        *logins = next;
        self.log(effect, &logins);
        // For a probe that begins nobody need be woken.
        if before != std::mem::discriminant(&*logins) && !is_probing {
            self.changed.send_replace(());
        }
        effect
    }

    fn log(&self, effect: LoginsEffect, logins: &Logins) {
        let refused = logins.pause().map(|pause| pause.refused.len()).unwrap_or_default();
        let wait_ms = |until: u64| until.saturating_sub(self.now());
        match effect {
            LoginsEffect::TellPaused { until } => tracing::error!(
                switches = refused,
                next_probe_ms = wait_ms(until),
                "many switches refuse their logins: the authentication service seems to be down; no session is opened but one at a time, to try"
            ),
            LoginsEffect::TellStillRefused { until } => {
                tracing::warn!(switches = refused, next_probe_ms = wait_ms(until), "logins are still refused")
            }
            LoginsEffect::TellResumed => {
                tracing::info!("a login was accepted: sessions are opened again");
            }
            LoginsEffect::None
            | LoginsEffect::LetThrough
            | LoginsEffect::HoldBack { .. }
            | LoginsEffect::AwaitOthers { .. }
            | LoginsEffect::Blame => {}
        }
    }

    /// A pass for one opening; `None` while logins are paused.
    #[must_use]
    pub fn ask(&self, switch: &SwitchId) -> Option<Pass<'_>> {
        match self.tell(LoginsEvent::Asked { switch: switch.clone() }) {
            LoginsEffect::LetThrough => Some(Pass { gate: self, switch: switch.clone(), is_told: false }),
            LoginsEffect::None
            | LoginsEffect::HoldBack { .. }
            | LoginsEffect::AwaitOthers { .. }
            | LoginsEffect::Blame
            | LoginsEffect::TellPaused { .. }
            | LoginsEffect::TellStillRefused { .. }
            | LoginsEffect::TellResumed => None,
        }
    }

    /// `None` when the switch would be let through now: then it makes sense to wait for a turn with the driver.
    #[must_use]
    pub fn holds_back(&self, switch: &SwitchId) -> Option<HeldBack> {
        let changes = self.changed.subscribe();
        let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let until = logins.holds_back_until(switch, self.now(), &self.policy)?;
        Some(HeldBack { until: self.at(until), changes })
    }

    /// The pause, if there is one.
    #[must_use]
    pub fn paused(&self) -> Option<LoginsPaused> {
        let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.pause().map(|pause| LoginsPaused {
            millis: self.now().saturating_sub(pause.since),
            switches: pause.refused.len(),
            failed_probes: pause.failed_probes,
        })
    }
}

impl Pass<'_> {
    fn tell(&mut self, event: LoginsEvent) -> LoginsEffect {
        self.is_told = true;
        self.gate.tell(event)
    }

    /// What the opening came to, once it is known whether a refusal was the switch's own: that takes a window, in which others may be
    /// refused too.
    pub async fn judged<T>(mut self, opened: Result<T, DriverFailure>) -> Attempt<T> {
        let switch = self.switch.clone();
        match &opened {
            Ok(_) => {
                self.tell(LoginsEvent::LoggedIn { switch });
            }
            Err(failure) if failure.class == FailureClass::AuthenticationRefused => {
                if !self.is_own_fault().await {
                    return Attempt::Again;
                }
            }
            // It says nothing about logins.
            Err(_) => {}
        }
        Attempt::Stands(opened)
    }

    /// A login was refused just now.
    async fn is_own_fault(&mut self) -> bool {
        let (refused_at, mut changes) = (self.gate.now(), self.gate.changed.subscribe());
        let mut effect = self.tell(LoginsEvent::Refused { switch: self.switch.clone() });
        loop {
            match effect {
                LoginsEffect::AwaitOthers { until } => {
                    tracing::debug!(switch = %self.switch, "refused; it is waited whether other switches refuse too");
                    changes_by(changes, self.gate.at(until)).await;
                    changes = self.gate.changed.subscribe();
                    let switch = self.switch.clone();
                    effect = self.gate.tell(LoginsEvent::Waited { switch, refused_at });
                }
                LoginsEffect::Blame => return true,
                LoginsEffect::None
                | LoginsEffect::LetThrough
                | LoginsEffect::HoldBack { .. }
                | LoginsEffect::TellPaused { .. }
                | LoginsEffect::TellStillRefused { .. }
                | LoginsEffect::TellResumed => return false,
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.is_told {
            self.gate.tell(LoginsEvent::Abandoned { switch: self.switch.clone() });
        }
    }
}
