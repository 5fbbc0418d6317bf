//! A TCP connection that its switch can cut at any moment, as a power cut would: no SSH farewell, and a reset
//! rather than an orderly close.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::distance::Distance;

/// Fires when the switch drops its half of the pair, which it does to cut the connection.
pub(super) type Cut = oneshot::Receiver<()>;

#[derive(Debug)]
pub(super) struct CuttableStream {
    tcp: TcpStream,
    cut: Cut,
    is_cut: bool,
    distance: Option<Distance>,
}

impl CuttableStream {
    pub fn new(tcp: TcpStream, cut: Cut, distance: Option<Distance>) -> Self {
        Self { tcp, cut, is_cut: false, distance }
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.is_cut && Pin::new(&mut self.cut).poll(context).is_ready() {
            self.is_cut = true;
            reset_on_close(&self.tcp);
        }
        if self.is_cut { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

/// The peer gets a reset when the socket is closed.
pub(super) fn reset_on_close(tcp: &TcpStream) {
    // The peer may be gone already; then there is nothing left to reset.
    let _ = SockRef::from(tcp).set_linger(Some(std::time::Duration::ZERO));
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let Self { tcp, distance, .. } = &mut *self;
        match distance {
            Some(distance) => distance.poll_read(tcp, context, buffer),
            None => Pin::new(tcp).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
