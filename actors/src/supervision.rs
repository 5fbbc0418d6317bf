//! Actors that must always be there: each is made by a factory, watched by its task, and made anew when it panics.
//!
//! A panic in a handler ends an actor's task; what it knew is gone with it, and its successor reads the store. Nobody
//! but the keeper holds the child's address: others hold a [`Door`], which leads to whoever is there now. What follows a panic
//! is for `domain/restart.rs` to say.

use crate::domain::restart::{RestartEffect, RestartEvent, RestartPolicy, RestartState, Run};
use actix::{Actor, Addr, Context};
use std::pin::Pin;
use std::sync::Arc;
use std::task;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

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

/// A task that ends when nobody watches it any more: its keeper's panic would leave it at work unseen, beside its successor.
pub struct Watched<T>(JoinHandle<T>);

impl<T: 'static> Watched<T> {
    /// Runs it on this thread.
    pub fn spawn(task: impl Future<Output = T> + 'static) -> Self {
        Self(actix_rt::spawn(task))
    }
}

impl<T> Future for Watched<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> task::Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whole milliseconds since then.
#[must_use]
pub fn millis_since(then: Instant) -> u64 {
    u64::try_from(then.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Runs an actor on this thread until it stops by itself, starting it again whenever it panics. It is never given up.
pub async fn keep<A>(name: &'static str, door: Door<A>, policy: RestartPolicy, factory: impl Fn() -> A)
where
    A: Actor<Context = Context<A>>,
{
    let mut state = RestartState::default();
    loop {
        let (context, began) = (Context::new(), Instant::now());
        door.lead_to(Some(actix::AsyncContext::address(&context)));
        let ended = Watched::spawn(context.into_future(factory())).await;
        door.lead_to(None);
        if ended.is_ok() {
            return;
        }
        let run = Run { lasted_millis: millis_since(began), progressed: false };
        let (next, effect) = state.apply(RestartEvent::Panicked(run), &policy);
        state = next;
        tokio::time::sleep(Duration::from_millis(tell(name, effect))).await;
    }
}

/// Answers how long to wait.
fn tell(actor: &'static str, effect: RestartEffect) -> u64 {
    match effect {
        RestartEffect::Restart { wait_millis } => {
            tracing::error!(actor, wait_millis, "an actor panicked and is started again");
            wait_millis
        }
        RestartEffect::Escalate { wait_millis } => {
            tracing::error!(
                actor,
                wait_millis,
                "an actor panics again and again: this needs an operator; it is still started again"
            );
            wait_millis
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_task_ends_with_whoever_watches_it() {
        actix_rt::System::new().block_on(async {
            let (at_work, left) = (Arc::new(AtomicBool::new(false)), Arc::new(watch::Sender::new(())));
            let (seen, held) = (Arc::clone(&at_work), Arc::clone(&left));
            let task = Watched::spawn(async move {
                seen.store(true, Ordering::SeqCst);
                let _held = held;
                std::future::pending::<()>().await;
            });
            while !at_work.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            drop(task);
            let gone = async {
                while Arc::strong_count(&left) > 1 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it goes on");
        });
    }
}
