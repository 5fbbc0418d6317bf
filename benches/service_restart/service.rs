//! The service as a process, and what the kernel says of it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(300);

pub struct Process {
    child: Child,
    pub began: Instant,
    address: SocketAddr,
}

impl Process {
    pub fn start(config: &Path, address: SocketAddr, inventory: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchyard"));
        command.args(["serve", "--config"]).arg(config);
        if let Some(inventory) = inventory {
            command.arg("--inventory").arg(inventory);
        }
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).spawn().expect("the service");
        Self { child, began, address }
    }

    /// How long it took until `/readyz` said 200.
    pub async fn ready(&mut self) -> Duration {
        let http = awc::Client::new();
        loop {
            let answer = http.get(format!("http://{}/readyz", self.address)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return self.began.elapsed();
            }
            assert!(self.child.try_wait().expect("a child").is_none(), "the service ended");
            assert!(self.began.elapsed() < PATIENCE, "never ready");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Resident memory now, and the most that it ever was, in MiB.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it lives");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says so");
            line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// SIGTERM; how long it took to end. The switches, which it is still talking to, live on this thread: it must not be blocked.
    pub async fn stop(mut self) -> Duration {
        let told = Instant::now();
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(killed.expect("kill").success());
        loop {
            if let Some(ended) = self.child.try_wait().expect("a child") {
                assert!(ended.success(), "{ended}");
                return told.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn kill(mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
