//! A process of the service: its actors run only while it lives and isn't frozen.
//!
//! All its tasks are one set. A set that is dropped is a process that was killed: nothing of it goes on, wherever it was.
//! A set that is not polled is one that was stopped: the world goes on, its timers run out, and it finds out later.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use tokio::task::LocalSet;

/// From inside of the process: that it is to be lost, and from outside: when it is.
#[derive(Clone, Default)]
pub struct Doom {
    doomed: Arc<AtomicBool>,
    gone: Arc<Notify>,
}

impl Doom {
    /// The process is gone as soon as it has given way, and whoever called does no more.
    pub async fn strike(&self) -> ! {
        self.seal();
        std::future::pending().await
    }

    fn seal(&self) {
        self.doomed.store(true, Ordering::SeqCst);
        self.gone.notify_waiters();
    }

    /// Waits until it has struck.
    pub async fn struck(&self) {
        let gone = self.gone.notified();
        if !self.is_doomed() {
            gone.await;
        }
    }

    fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::SeqCst)
    }
}

#[derive(Default)]
struct Life {
    tasks: Option<LocalSet>,
    is_frozen: bool,
    waker: Option<Waker>,
}

/// The process.
#[derive(Clone)]
pub struct Process {
    life: Rc<RefCell<Life>>,
    doom: Doom,
}

impl Process {
    /// Starts one: what `main` spawns is its own.
    pub fn start<T>(doom: Doom, main: impl FnOnce() -> T) -> (Self, T) {
        let tasks = LocalSet::new();
        let entered = tasks.enter();
        let started = main();
        drop(entered);
        let life = Rc::new(RefCell::new(Life { tasks: Some(tasks), ..Life::default() }));
        let process = Self { life, doom };
        tokio::task::spawn_local(Running(process.clone()));
        (process, started)
    }

    pub fn kill(&self) {
        self.doom.seal();
        let tasks = self.life.borrow_mut().tasks.take();
        drop(tasks);
        self.wake();
    }

    /// Waits until it is gone.
    pub async fn gone(&self) {
        self.doom.struck().await;
    }

    pub fn is_alive(&self) -> bool {
        !self.doom.is_doomed()
    }

    pub fn is_frozen(&self) -> bool {
        self.life.borrow().is_frozen
    }

    pub fn freeze(&self, frozen: bool) {
        self.life.borrow_mut().is_frozen = frozen;
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.life.borrow_mut().waker.take() {
            waker.wake();
        }
    }
}

/// Polls the process while it lives.
struct Running(Process);

impl Future for Running {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Process { life, doom } = &self.0;
        life.borrow_mut().waker = Some(context.waker().clone());
        if life.borrow().is_frozen && !doom.is_doomed() {
            return Poll::Pending;
        }
        // Taken out meanwhile: what runs in it may ask for its own end.
        let Some(mut tasks) = life.borrow_mut().tasks.take() else { return Poll::Ready(()) };
        if !doom.is_doomed() {
            let _ = Pin::new(&mut tasks).poll(context);
        }
        if doom.is_doomed() {
            return Poll::Ready(());
        }
        life.borrow_mut().tasks = Some(tasks);
        Poll::Pending
    }
}
