//! Actors that must always be there: each is made by a factory, watched by its task, and made anew when it panics.
//!
//! A panic in a handler ends an actor's task; what it knew is gone with it, and its successor reads the store. Nobody
//! but the keeper holds the child's address: others hold a [`Door`], which leads to whoever is there now.

use actix::{Actor, Addr, Context};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The way to an actor, across its restarts.
pub struct Door<A: Actor>(Arc<watch::Sender<Option<Addr<A>>>>);

impl<A: Actor> Clone for Door<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Actor> Default for Door<A> {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl<A: Actor> Door<A> {
    /// Who is there now; `None` while a panicked actor is being replaced, and after a stop.
    #[must_use]
    pub fn addr(&self) -> Option<Addr<A>> {
        self.0.borrow().clone()
    }

    /// Who is there, waiting for a replacement at most so long.
    pub async fn wait(&self, at_most: Duration) -> Option<Addr<A>> {
        let mut open = self.0.subscribe();
        let there = tokio::time::timeout(at_most, open.wait_for(Option::is_some)).await;
        there.ok()?.ok()?.clone()
    }

    fn lead_to(&self, addr: Option<Addr<A>>) {
        self.0.send_replace(addr);
    }
}

/// Waits between restarts: doubling, bounded.
#[derive(Debug, Clone, Copy)]
pub struct RestartWaits {
    /// After the first panic.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl RestartWaits {
    /// After panic number `panics`, from 1.
    #[must_use]
    pub fn after(&self, panics: u32) -> Duration {
        self.first.saturating_mul(1 << panics.saturating_sub(1).min(16)).min(self.longest)
    }
}

/// Runs an actor on this thread until it stops by itself, starting it again whenever it panics.
pub async fn keep<A>(name: &'static str, door: Door<A>, waits: RestartWaits, factory: impl Fn() -> A)
where
    A: Actor<Context = Context<A>>,
{
    let mut panics = 0;
    loop {
        let context = Context::new();
        door.lead_to(Some(actix::AsyncContext::address(&context)));
        let ended = actix_rt::spawn(context.into_future(factory())).await;
        door.lead_to(None);
        if ended.is_ok() {
            return;
        }
        panics += 1;
        let wait = waits.after(panics);
        tracing::error!(
            actor = name,
            panics,
            wait_ms = wait.as_millis(),
            "an actor panicked and is started again"
        );
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = RestartWaits { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        let millis: Vec<_> = [1, 2, 3, 4, 5, 60].iter().map(|n| waits.after(*n).as_millis()).collect();
        assert_eq!(millis, [100, 200, 400, 800, 1_000, 1_000]);
    }
}
