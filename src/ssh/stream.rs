//! What a session's bytes go through. The socket carries the guard's permit, so that the permit goes when the socket really
//! goes. It is the last place before the kernel, so it is here that the tenure is asked: what the library has buffered
//! doesn't leave after it is over either. A tunnel through a jump host has no socket of its own: it holds the permit along
//! with the connection that it runs through, so that the guard waits for both.

use super::host_key::HostKeyCheck;
use super::identification::Overheard;
use russh::ChannelStream;
use russh::client::{Handle, Msg};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use switchyard_actors::ports::guard::{SessionGuard, SocketPermit, StillOpen};
use switchyard_actors::ports::tenure::Tenure;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The socket.
pub struct GuardedStream {
    tcp: TcpStream,
    tenure: Tenure,
    _permit: Arc<SocketPermit>,
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
    /// Puts a socket under the guard, which can shut it down from any thread. Whatever runs through the socket and can
    /// outlive it holds the permit too.
    ///
    /// # Errors
    /// [`Unguarded`].
    pub fn new(tcp: TcpStream, guard: &SessionGuard) -> Result<(Self, Arc<SocketPermit>), Unguarded> {
        let shared = socket2::SockRef::from(&tcp).try_clone()?;
        let permit = guard.admit(move || {
            // A socket that is gone already is what was wanted.
            let _ = shared.shutdown(std::net::Shutdown::Both);
        })?;
        let permit = Arc::new(permit);
        Ok((Self { tcp, tenure: guard.tenure().clone(), _permit: Arc::clone(&permit) }, permit))
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
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

/// A channel through a jump host, and the connection that it runs through: that one ends with it.
pub struct Tunnel {
    channel: ChannelStream<Msg>,
    _through: Handle<HostKeyCheck>,
    _permit: Arc<SocketPermit>,
}

impl Tunnel {
    /// Of a channel on this connection.
    pub fn new(
        channel: ChannelStream<Msg>,
        through: Handle<HostKeyCheck>,
        permit: Arc<SocketPermit>,
    ) -> Self {
        Self { channel, _through: through, _permit: permit }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.channel).poll_read(context, buffer)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.channel).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.channel).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.channel).poll_shutdown(context)
    }
}

/// A stream whose first words are overheard.
pub struct Overhearing<S> {
    stream: S,
    overheard: Overheard,
}

impl<S> Overhearing<S> {
    /// The stream, and what will have been heard on it.
    pub fn new(stream: S) -> (Self, Overheard) {
        let overheard = Overheard::default();
        (Self { stream, overheard: overheard.clone() }, overheard)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Overhearing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.overheard.hear(buffer.filled().get(before..).unwrap_or_default());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Overhearing<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
