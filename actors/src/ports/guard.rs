//! The guard on a switch's one socket: who holds it can shut the socket down, and wait until it is gone, even when the
//! supervisor that opened the session has panicked and its SSH task lives on.
//!
//! There is one guard a switch, and it admits one socket at a time: a second session is not a matter of care. It also carries
//! the tenure under which the socket may be written to, for whoever hands bytes to the kernel.

use super::tenure::Tenure;
use crate::safeguards::{Safeguard, stands};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

type Closer = Box<dyn Fn() + Send + Sync>;

/// How far the one socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Socket {
    Closed,
    Open,
    /// What is costly is over: from here on it is the switch that is waited for.
    LoggedIn,
}

#[derive(Default)]
struct Held {
    closer: Option<Closer>,
    tenure: Option<Tenure>,
}

/// One for each switch, kept by whoever may have to close the socket.
#[derive(Clone)]
pub struct SessionGuard {
    held: Arc<Mutex<Held>>,
    socket: Arc<watch::Sender<Socket>>,
    tenure: Tenure,
}

/// A session's socket is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the switch's earlier session is not closed yet")]
pub struct StillOpen;

/// Goes wherever the socket goes; its drop says that the socket is closed.
pub struct SocketPermit {
    guard: SessionGuard,
}

impl Default for SessionGuard {
    fn default() -> Self {
        let socket = Arc::new(watch::Sender::new(Socket::Closed));
        Self { held: Arc::default(), socket, tenure: Tenure::unlimited() }
    }
}

impl SessionGuard {
    /// The same guard, for a socket that may be written to under this tenure.
    #[must_use]
    pub fn under(&self, tenure: Tenure) -> Self {
        Self { tenure, ..self.clone() }
    }

    /// Asked right before each write.
    #[must_use]
    pub fn tenure(&self) -> &Tenure {
        &self.tenure
    }

    /// Admits a socket, which `closer` shuts down from any thread.
    ///
    /// # Errors
    /// [`StillOpen`] while another socket is.
    pub fn admit(&self, closer: impl Fn() + Send + Sync + 'static) -> Result<SocketPermit, StillOpen> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_open() && stands(Safeguard::OneSocket) {
            return Err(StillOpen);
        }
        held.closer = Some(Box::new(closer));
        held.tenure = Some(self.tenure.clone());
        self.socket.send_replace(Socket::Open);
        Ok(SocketPermit { guard: self.clone() })
    }

    /// Whoever opened the socket has logged in over it.
    pub fn logged_in(&self) {
        self.socket.send_if_modified(|socket| {
            let is_news = *socket == Socket::Open;
            if is_news {
                *socket = Socket::LoggedIn;
            }
            is_news
        });
    }

    /// Waits until somebody has logged in over the socket.
    pub async fn until_logged_in(&self) {
        // The sender lives as long as `self`.
        let _ = self.socket.subscribe().wait_for(|socket| *socket == Socket::LoggedIn).await;
    }

    /// Shuts the socket down, if one is open. Doesn't wait: whoever opens the next does.
    pub fn shut(&self) {
        if let Some(close) = &self.held.lock().unwrap_or_else(PoisonError::into_inner).closer {
            close();
        }
    }

    /// Shuts the socket down, if one is open, and waits until whatever held it has let go.
    pub async fn shut_down(&self) {
        if !stands(Safeguard::OneSocket) {
            return;
        }
        self.shut();
        let mut socket = self.socket.subscribe();
        // The sender lives as long as `self`, so this ends only when the socket is closed.
        let _ = socket.wait_for(|socket| *socket == Socket::Closed).await;
    }

    /// Shuts the socket down, if one is open whose tenure is over: nothing can be written to it, and a successor will open
    /// another. Doesn't wait: whoever has it finds out.
    pub fn enforce(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(close), Some(tenure)) = (&held.closer, &held.tenure)
            && tenure.is_over()
        {
            close();
        }
    }

    /// Whether a socket is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self.socket.borrow() != Socket::Closed
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        let mut held = self.guard.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.closer = None;
        held.tenure = None;
        self.guard.socket.send_replace(Socket::Closed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn one_socket_at_a_time_and_shutting_down_waits_for_its_end() {
        let guard = SessionGuard::default();
        let closed = Arc::new(AtomicU32::new(0));
        let counter = closed.clone();
        let permit = guard
            .admit(move || {
                counter.fetch_add(1, Ordering::SeqCst);
            })
            .expect("none is open");
        assert_eq!(guard.admit(|| ()).err(), Some(StillOpen));

        let waiting = tokio::spawn({
            let guard = guard.clone();
            async move { guard.shut_down().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert_eq!(closed.load(Ordering::SeqCst), 1);
        drop(permit);
        waiting.await.expect("no panic");
        assert!(guard.admit(|| ()).is_ok());
    }

    #[tokio::test]
    async fn a_login_is_told_to_whoever_waits_for_it_and_each_socket_has_its_own() {
        let guard = SessionGuard::default();
        let is_logged_in = || guard.until_logged_in().now_or_never().is_some();
        guard.logged_in();
        assert!(!is_logged_in(), "there is no socket");
        let permit = guard.admit(|| ()).expect("none is open");
        assert!(!is_logged_in());
        guard.logged_in();
        assert!(is_logged_in() && guard.is_open());
        drop(permit);
        let _next = guard.admit(|| ()).expect("none is open");
        assert!(!is_logged_in(), "that was the socket before");
    }
}
