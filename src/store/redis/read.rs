//! Reads: one request a tag, all tags at once, so that the keys of one tag are one snapshot.

use super::{Shared, parsed, unavailable};
use crate::store::envelope::decode;
use futures_util::future::try_join_all;
use redis::Cmd;
use switchyard_actors::domain::record::{Index, Key, Tag};
use switchyard_actors::ports::store::{Member, StoreUnavailable, Stored};

/// How many indexes are asked in one pipeline whether they have members.
const INDEXES_AT_ONCE: usize = 1_000;

impl Shared {
    /// Records, in the order of their keys.
    pub(super) async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreUnavailable> {
        let mut found = vec![None; keys.len()];
        let mut open = Vec::new();
        for (place, key) in keys.iter().enumerate() {
            match self.cache.get(key) {
                Some(stored) => found[place] = Some(stored),
                None => open.push(place),
            }
        }
        let before = self.cache.ask();
        let groups = self.by_request(keys, &open);
        let asked = groups.iter().map(|group| self.read_group(keys, group));
        for (group, values) in groups.iter().zip(try_join_all(asked).await?) {
            for (place, value) in group.iter().zip(values) {
                let stored = value.map(|value| decode(&keys[*place], &value)).transpose();
                let stored = stored.map_err(StoreUnavailable)?;
                self.cache.put(before, &keys[*place], stored.as_ref());
                found[*place] = stored;
            }
        }
        Ok(found)
    }

    /// The places that one request reads: on one server all of them, in a cluster those of one tag.
    fn by_request(&self, keys: &[Key], open: &[usize]) -> Vec<Vec<usize>> {
        if !self.settings.cluster {
            return if open.is_empty() { Vec::new() } else { vec![open.to_vec()] };
        }
        let mut groups: Vec<(Tag, Vec<usize>)> = Vec::new();
        for place in open {
            let tag = keys[*place].tag();
            match groups.iter_mut().find(|(of, _)| *of == tag) {
                Some((_, group)) => group.push(*place),
                None => groups.push((tag, vec![*place])),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }

    async fn read_group(
        &self,
        keys: &[Key],
        group: &[usize],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreUnavailable> {
        let mut cmd = redis::cmd("MGET");
        for place in group {
            cmd.arg(self.names.record(&keys[*place]));
        }
        parsed(self.link.run(&cmd).await.map_err(unavailable)?)
    }

    /// The first members of an index.
    pub(super) async fn members(&self, index: &Index, limit: usize) -> Result<Vec<Member>, StoreUnavailable> {
        let Some(last) = limit.checked_sub(1) else { return Ok(Vec::new()) };
        let last = i64::try_from(last).unwrap_or(-1);
        let range =
            |cmd: &mut Cmd| cmd.arg(self.names.index(index)).arg(0).arg(last).arg("WITHSCORES").to_owned();
        let answer = self.link.run(&range(&mut redis::cmd("ZRANGE"))).await.map_err(unavailable)?;
        let members: Vec<(String, f64)> = parsed(answer)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // scores were written as u64
        let member = |(member, score): (String, f64)| Member { member, score: score as u64 };
        Ok(members.into_iter().map(member).collect())
    }

    /// The owners in a registry.
    pub(super) async fn owners(&self, registry: &str) -> Result<Vec<String>, StoreUnavailable> {
        let cmd = redis::cmd("SMEMBERS").arg(registry).to_owned();
        parsed(self.link.run(&cmd).await.map_err(unavailable)?)
    }

    /// Those whose index has a member.
    pub(super) async fn with_members<T>(
        &self,
        owners: Vec<T>,
        index: impl Fn(&T) -> Index,
    ) -> Result<Vec<T>, StoreUnavailable> {
        let mut found = Vec::new();
        let mut owners = owners.into_iter().peekable();
        while owners.peek().is_some() {
            let some: Vec<T> = owners.by_ref().take(INDEXES_AT_ONCE).collect();
            let names = some.iter().map(|owner| self.names.index(&index(owner)));
            let there = self.exist(names.collect()).await?;
            found.extend(some.into_iter().zip(there).filter_map(|(owner, there)| there.then_some(owner)));
        }
        Ok(found)
    }

    async fn exist(&self, names: Vec<String>) -> Result<Vec<bool>, StoreUnavailable> {
        if self.settings.cluster {
            let asked = names.into_iter().map(async |name| {
                let cmd = redis::cmd("EXISTS").arg(name).to_owned();
                parsed(self.link.run(&cmd).await.map_err(unavailable)?)
            });
            return try_join_all(asked).await;
        }
        let mut pipeline = redis::pipe();
        for name in &names {
            pipeline.cmd("EXISTS").arg(name);
        }
        let answers = self.link.run_all(&pipeline).await.map_err(unavailable)?;
        answers.into_iter().map(parsed).collect()
    }
}
