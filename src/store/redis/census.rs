//! Whether instances are at work on the store: their heartbeats are looked at, read-only, for a while.

use super::bulk::{Bulk, parsed};
use super::names::Names;
use crate::store::backup::BackupError;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// Heartbeats by instance. One that died without leaving stays in it, and doesn't move.
pub type Census = BTreeMap<String, u64>;

/// What it says now.
pub async fn look(bulk: &Bulk, names: &Names) -> Result<Census, BackupError> {
    let all = redis::cmd("HGETALL").arg(names.instances()).to_owned();
    parsed(bulk.run(&all).await?)
}

/// Looks as long as `watch` says, unless nobody is in it.
pub async fn at_rest(bulk: &Bulk, names: &Names, watch: Duration) -> Result<Census, BackupError> {
    let until = Instant::now() + watch;
    let mut last = look(bulk, names).await?;
    while !last.is_empty() && Instant::now() < until {
        tokio::time::sleep(INTERVAL).await;
        let next = look(bulk, names).await?;
        still(&last, &next)?;
        last = next;
    }
    Ok(last)
}

/// Refuses when a heartbeat moved from one look to the other, or a new one is there.
pub fn still(before: &Census, after: &Census) -> Result<(), BackupError> {
    match after.iter().find(|(instance, count)| before.get(*instance) != Some(*count)) {
        None => Ok(()),
        Some((instance, _)) => Err(BackupError::Refused(format!(
            "instance {instance} is at work on this store, so it has no state that stands still: stop every instance, \
             and try again"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_moves_or_came_is_at_work_and_who_left_or_stands_still_is_not() {
        let census = |of: &[(&str, u64)]| of.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect();
        let before: Census = census(&[("a", 1), ("b", 5)]);
        assert_eq!(still(&before, &before), Ok(()));
        assert_eq!(still(&before, &census(&[("a", 1)])), Ok(()));
        assert!(still(&before, &census(&[("a", 2), ("b", 5)])).is_err());
        assert!(still(&before, &census(&[("a", 1), ("b", 5), ("c", 1)])).is_err());
    }
}
