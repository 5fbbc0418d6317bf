//! Partners: keep-alive connections on a thread of their own, each of which sends its next checkout when the last one is
//! answered. As little work as can be, since it shares the machine with what it measures.

use super::order;
use futures_util::future::join_all;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How much is sent at once, and in all.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub checkouts: usize,
}

/// Sends the checkouts of these numbers; from the first byte to the last answer.
pub async fn run(to: SocketAddr, load: Load, numbers: Range<usize>) -> Duration {
    on_a_thread(move || async move {
        let partners = join_all((0..load.connections).map(|_| Partner::connect(to))).await;
        let numbers = RefCell::new(numbers);
        let began = Instant::now();
        join_all(partners.into_iter().map(|partner| partner.order_all(&numbers))).await;
        began.elapsed()
    })
    .await
}

/// How long each of these checkouts takes, one after another on one connection.
pub async fn run_singly(to: SocketAddr, numbers: Range<usize>) -> Vec<Duration> {
    on_a_thread(move || async move {
        let mut partner = Partner::connect(to).await;
        let mut took = Vec::new();
        for number in numbers {
            let began = Instant::now();
            partner.order(number).await;
            took.push(began.elapsed());
        }
        took
    })
    .await
}

/// Runs it on another thread, and lets this one go on.
pub async fn on_a_thread<T, F>(work: impl FnOnce() -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work())
    };
    tokio::task::spawn_blocking(run).await.expect("the clients' thread")
}

struct Partner {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Partner {
    async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.expect("the edge");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream, answer: Vec::with_capacity(4096) }
    }

    async fn order_all(mut self, numbers: &RefCell<Range<usize>>) {
        loop {
            let next = numbers.borrow_mut().next();
            let Some(number) = next else { return };
            self.order(number).await;
        }
    }

    async fn order(&mut self, number: usize) {
        self.stream.write_all(&order::request(number)).await.expect("sent");
        self.answer.clear();
        while !is_whole(&self.answer) {
            let read = self.stream.read_buf(&mut self.answer).await.expect("an answer");
            assert!(read > 0, "closed before the answer: {}", String::from_utf8_lossy(&self.answer));
        }
        let accepted = self.answer.starts_with(b"HTTP/1.1 200");
        assert!(accepted, "order {number}: {}", String::from_utf8_lossy(&self.answer));
    }
}

/// An accepted checkout's answer is one JSON object, and ends with it.
fn is_whole(answer: &[u8]) -> bool {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    head.is_some_and(|head| answer.len() > head + 4 && answer.ends_with(b"}"))
}
