//! One connection through the proxy: a thread for each direction.
//!
//! The thread of the answers outlives what the server sends, and alone closes the connection; that of the requests
//! ends by it.

use super::{Shared, close};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const CHUNK_BYTES: usize = 16 * 1024;
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

struct Wire<'p> {
    proxy: &'p Shared,
    number: u64,
    client: &'p TcpStream,
    server: TcpStream,
    /// Held while a request is noted and written: the server's end isn't closed between the two.
    sending: Mutex<()>,
}

/// Carries a client's bytes until either side is done. A server that can't be reached is a connection closed.
pub(super) fn carry(proxy: &Shared, number: u64, client: &TcpStream) {
    if let Some(wire) = Wire::to_server(proxy, number, client) {
        std::thread::scope(|scope| {
            scope.spawn(|| wire.pass_requests());
            wire.pass_answers();
            close(client);
            close(&wire.server);
        });
    }
    close(client);
    proxy.detach(number);
}

impl<'p> Wire<'p> {
    fn to_server(proxy: &'p Shared, number: u64, client: &'p TcpStream) -> Option<Self> {
        let server = TcpStream::connect_timeout(&proxy.target, CONNECT_PATIENCE).ok()?;
        proxy.attach(number, &server)?;
        for end in [client, &server] {
            end.set_nodelay(true).ok()?;
        }
        Some(Self { proxy, number, client, server, sending: Mutex::new(()) })
    }

    /// Until the client has no more; then the server is told so.
    fn pass_requests(&self) {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Some(request) = self.next(self.client, &mut chunk) {
            let _sending = self.sending();
            self.proxy.gate.note_request(self.number, request);
            if write(&self.server, request, &self.proxy.counts.bytes_to_server).is_none() {
                return;
            }
        }
        self.end_requests();
    }

    /// Until the server has no more, or the client is gone, or an answer is to be lost.
    fn pass_answers(&self) {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Some(answer) = self.next(&self.server, &mut chunk) {
            if self.proxy.gate.loses_answer(self.number) {
                return self.lose_answers();
            }
            if write(self.client, answer, &self.proxy.counts.bytes_to_client).is_none() {
                return;
            }
        }
    }

    /// The server does all that it was sent before it sees that no more comes, and closes.
    fn lose_answers(&self) {
        self.end_requests();
        let mut chunk = vec![0; CHUNK_BYTES];
        while read(&self.server, &mut chunk).is_some() {}
        self.proxy.counts.answers_lost.fetch_add(1, Ordering::SeqCst);
        // Before the client sees its connection closed: its next request must pass.
        self.proxy.gate.forget(self.number);
    }

    /// What has come and may pass; `None` at the end, which is held back like any other chunk, and after a cut.
    fn next<'c>(&self, from: &TcpStream, chunk: &'c mut [u8]) -> Option<&'c [u8]> {
        let read = read(from, chunk);
        self.proxy.gate.admit()?;
        read
    }

    fn end_requests(&self) {
        let _sending = self.sending();
        // Fails only for a connection that is closed.
        let _ = self.server.shutdown(Shutdown::Write);
    }

    fn sending(&self) -> MutexGuard<'_, ()> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read<'c>(mut from: &TcpStream, chunk: &'c mut [u8]) -> Option<&'c [u8]> {
    let bytes = from.read(chunk).ok()?;
    (bytes > 0).then_some(&chunk[..bytes])
}

fn write(mut to: &TcpStream, chunk: &[u8], count: &AtomicU64) -> Option<()> {
    // Counted first: who has seen an answer sees its request counted.
    count.fetch_add(chunk.len() as u64, Ordering::SeqCst);
    to.write_all(chunk).ok()
}
