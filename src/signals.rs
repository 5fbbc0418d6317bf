//! SIGTERM and Ctrl-C: the first asks for a graceful stop, the second ends the process at once.
//!
//! They are waited for on a thread of their own, so that the second is heard wherever the service is: while it opens its
//! store, in the middle of a stop, or stuck. What a process that is ended so leaves behind is what one that was killed leaves.

use std::io;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The exit code of a process that a second signal ended is this and the signal's number, as a shell shows one that died of it.
const ENDED_BY_SIGNAL: i32 = 128;

/// Whether the stop was asked for.
pub struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    /// Listens from now on: neither signal ends the process by itself any more.
    ///
    /// # Errors
    /// When there is no thread for it, or the signals can't be listened to.
    pub fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let signals = Signals::register(&runtime)?;
        let (asked, asked_for) = watch::channel(false);
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(signals.obey(&asked)))?;
        Ok(Self(asked_for))
    }

    /// Waits for the first.
    pub async fn asked(&mut self) {
        // The thread has no other end than that of the process.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn register(runtime: &Runtime) -> io::Result<Self> {
        let _inside = runtime.enter();
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }

    async fn obey(mut self, asked: &watch::Sender<bool>) {
        self.next().await;
        asked.send_replace(true);
        let second = self.next().await;
        // Nothing is logged: whoever reads the log may be why the stop takes so long.
        std::process::exit(ENDED_BY_SIGNAL + second.as_raw_value());
    }
}
