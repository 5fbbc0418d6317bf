//! Counts that instances share, each over a window of time: what a limit over all instances needs. They are nobody's
//! order, so nothing waits for them to be on disk, and one that can't be had is simply not known.

use super::Shared;
use redis::from_redis_value;
use std::sync::Arc;

/// The counts.
#[derive(Clone)]
pub struct SharedCounts(pub(super) Arc<Shared>);

impl SharedCounts {
    /// Adds one to the count of this name, which is forgotten `keep_ms` after its first; answers what it is now, or
    /// `None` when Redis is away.
    pub async fn add_one(&self, name: &str, keep_ms: u64) -> Option<u32> {
        let key = self.0.names.count(name);
        let mut both = redis::pipe();
        both.cmd("INCR").arg(&key);
        both.cmd("PEXPIRE").arg(&key).arg(keep_ms).arg("NX");
        let answers = self.0.link.run_all(&both).await.ok()?;
        from_redis_value(answers.into_iter().next()?).ok()
    }
}
