//! The socket under a session: it carries the guard's permit, so that the permit goes when the socket really goes, and it
//! remembers whether the other side has said anything yet. It is the last place before the kernel, so it is here that the
//! tenure is asked: what the library has buffered doesn't leave after it is over either.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use switchyard_actors::ports::guard::{SessionGuard, SocketPermit, StillOpen};
use switchyard_actors::ports::tenure::Tenure;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The socket.
pub struct GuardedStream {
    tcp: TcpStream,
    heard: Arc<AtomicBool>,
    tenure: Tenure,
    _permit: SocketPermit,
}

/// Why a socket could not be put under a guard.
#[derive(Debug, thiserror::Error)]
pub enum Unguarded {
    /// An earlier one is there.
    #[error(transparent)]
    StillOpen(#[from] StillOpen),
    /// The socket can't be shared with the guard.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl GuardedStream {
    /// Puts a socket under the guard, which can shut it down from any thread.
    ///
    /// # Errors
    /// [`Unguarded`].
    pub fn new(tcp: TcpStream, guard: &SessionGuard) -> Result<(Self, Arc<AtomicBool>), Unguarded> {
        let shared = socket2::SockRef::from(&tcp).try_clone()?;
        let permit = guard.admit(move || {
            // A socket that is gone already is what was wanted.
            let _ = shared.shutdown(std::net::Shutdown::Both);
        })?;
        let heard = Arc::new(AtomicBool::new(false));
        let tenure = guard.tenure().clone();
        Ok((Self { tcp, heard: Arc::clone(&heard), tenure, _permit: permit }, heard))
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.heard.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if !self.tenure.holds() {
            return Poll::Ready(Err(std::io::Error::other(
                "this instance may not write to switches any more",
            )));
        }
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
