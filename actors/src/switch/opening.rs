//! The opening of a session: whose turn it is, whether logins are tried at all, and what must be on record before it is used.
//! Nothing of what is waited for here is the switch's fault, and none of it counts against the job.

use super::first_contact::{self, NotRecorded};
use super::step::limited;
use super::task::Duty;
use crate::domain::failure::DriverFailure;
use crate::logins::{Attempt, Patience};
use crate::outside::Outside;
use crate::ports::driver::SwitchSession;
use crate::ports::guard::SessionGuard;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::SemaphorePermit;

/// Why there is no session.
pub enum Unopened {
    /// The driver failed, or the session must not be used.
    Failed(DriverFailure),
    /// Someone else owns the switch by now.
    Fenced,
    /// Logins are paused, and have been for so long that what is to be done is to be chosen anew.
    HeldBack,
}

/// Opens a session when it is its turn, adding to `millis` what the driver took, and to `said` what was said in vain.
///
/// # Errors
/// [`Unopened`].
pub async fn open_in_turn(
    outside: &Outside,
    mut duty: Duty,
    guard: &SessionGuard,
    millis: &mut u64,
    said: &mut String,
) -> Result<Box<dyn SwitchSession>, Unopened> {
    let patience = Patience::begin();
    loop {
        if let Some(held_back) = outside.logins.holds_back(&duty.switch.id) {
            if !held_back.wait(patience).await {
                return Err(Unopened::HeldBack);
            }
            continue;
        }
        duty.switch = first_contact::as_known_now(outside, duty.switch).await;
        outside.driver.wait_for_turn(&duty.switch).await;
        let place = outside.opening.acquire().await.expect("the semaphore is never closed");
        // Logins may have been paused meanwhile.
        let Some(pass) = outside.logins.ask(&duty.switch.id) else { continue };
        let mut took = 0;
        let open = outside.driver.open(&duty.switch, guard, said);
        let opening = limited(outside, &duty, &mut took, open);
        let slow = outside.settings.supervision.slow_opening();
        let opened = in_a_place(place, slow, guard.until_logged_in(), opening).await;
        match pass.judged(opened).await {
            Attempt::Stands(opened) => {
                *millis += took;
                return introduced(outside, &duty, opened.map_err(Unopened::Failed)?).await;
            }
            Attempt::Again => guard.shut_down().await,
        }
    }
}

/// Places are for handshakes, which cost. Behind the login it is the switch that is waited for, and so it is in an opening that takes
/// long: either gives its place to the next, so that switches which are slow or silent keep nobody else waiting.
async fn in_a_place<T>(
    place: SemaphorePermit<'_>,
    slow: Duration,
    logged_in: impl Future<Output = ()>,
    opening: impl Future<Output = T>,
) -> T {
    let mut opening = pin!(opening);
    tokio::select! {
        biased;
        opened = opening.as_mut() => return opened,
        () = logged_in => {}
        () = tokio::time::sleep(slow) => {}
    }
    drop(place);
    opening.await
}

/// A session on which nothing is sent before the host key that it was opened with is on record.
async fn introduced(
    outside: &Outside,
    duty: &Duty,
    session: Box<dyn SwitchSession>,
) -> Result<Box<dyn SwitchSession>, Unopened> {
    let Some(key) = session.first_seen_host_key() else { return Ok(session) };
    let Err(why) = first_contact::put_on_record(outside, duty, key).await else { return Ok(session) };
    session.close().await;
    Err(match why {
        NotRecorded::Overtaken(failure) => Unopened::Failed(failure),
        NotRecorded::Fenced => Unopened::Fenced,
    })
}
