//! How far away a switch is: what comes in is heard later, and what was sent meanwhile is heard behind it. Nothing waits for an
//! answer: so a line after another costs a round trip each, and lines that are sent together cost one.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Read at once, at most.
const CHUNK_BYTES: usize = 16 * 1024;

/// What is on its way.
#[derive(Debug)]
pub(super) struct Distance {
    round_trip: Duration,
    coming: VecDeque<(Instant, Vec<u8>)>,
    has_ended: bool,
    arrives: Pin<Box<Sleep>>,
}

impl Distance {
    pub fn of(round_trip: Duration) -> Self {
        let arrives = Box::pin(sleep_until(Instant::now()));
        Self { round_trip, coming: VecDeque::new(), has_ended: false, arrives }
    }

    pub fn poll_read(
        &mut self,
        source: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.take_in(source, context)?;
        let Some((at, bytes)) = self.coming.front_mut() else {
            return if self.has_ended { Poll::Ready(Ok(())) } else { Poll::Pending };
        };
        self.arrives.as_mut().reset(*at);
        if self.arrives.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let count = bytes.len().min(buffer.remaining());
        buffer.put_slice(&bytes[..count]);
        bytes.drain(..count);
        if bytes.is_empty() {
            self.coming.pop_front();
        }
        Poll::Ready(Ok(()))
    }

    /// Whatever is there sets out now.
    fn take_in(
        &mut self,
        source: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> io::Result<()> {
        while !self.has_ended {
            let mut chunk = vec![0; CHUNK_BYTES];
            let mut read = ReadBuf::new(&mut chunk);
            match Pin::new(&mut *source).poll_read(context, &mut read) {
                Poll::Pending => break,
                Poll::Ready(result) => result?,
            }
            let count = read.filled().len();
            chunk.truncate(count);
            self.has_ended = count == 0;
            self.coming.push_back((Instant::now() + self.round_trip, chunk));
        }
        Ok(())
    }
}
