//! Keeps what was said, as part of the commit that says what came of it; and takes out what is kept no longer, when there is
//! nothing else to do.

use super::task::Duty;
use crate::domain::ids::SwitchId;
use crate::domain::record::Index;
use crate::domain::time::UnixMillis;
use crate::domain::transcript::{Subject, joined, outdated, text_of};
use crate::domain::visit::VisitOutcome;
use crate::outside::{Outside, put};
use crate::ports::store::{Commit, Durability, StoreUnavailable, Write};

/// Texts that one clean-up takes out, at most; the next goes on.
const CLEANED_AT_ONCE: usize = 256;

/// Makes the text, and its place in the switch's list, part of a commit.
pub fn keep(
    outside: &Outside,
    commit: &mut Commit,
    switch: &SwitchId,
    subject: &Subject,
    earlier: &str,
    said: &str,
) {
    if said.is_empty() {
        return;
    }
    let text = joined(earlier, said, outside.settings.retention.transcript_bytes);
    let (index, score) = (Index::Transcripts(switch.clone()), outside.clock.now().0);
    commit.writes.push(Write::Include { index, member: subject.to_member(), score });
    commit.writes.push(put(subject.key(switch), subject.record(text)));
}

/// Puts what was said on record by itself: of what has no outcome. Whoever owns the switch by now says what it said.
pub async fn keep_alone(outside: &Outside, duty: &Duty, subject: &Subject, said: &str) {
    if said.is_empty() {
        return;
    }
    let read = outside.read_surely(&[subject.key(&duty.switch.id)]).await.pop().flatten();
    let earlier = read.and_then(|stored| text_of(stored.record)).unwrap_or_default();
    let mut commit = duty.commit(outside);
    commit.durability = Durability::Lazy;
    keep(outside, &mut commit, &duty.switch.id, subject, &earlier, said);
    if let Err(error) = outside.commit_surely(vec![commit]).await {
        tracing::debug!(switch = %duty.switch.id, %error, "a transcript was not kept");
    }
}

/// The remark that ends a visit's part of a text.
#[must_use]
pub fn remark(outcome: &VisitOutcome) -> String {
    match outcome {
        VisitOutcome::Verified => "# read back: as wanted\n".to_owned(),
        VisitOutcome::Drifted(_) => String::new(),
        VisitOutcome::FailedUntouched(failure) => format!("# failed, nothing was changed: {failure}\n"),
        VisitOutcome::FailedRestored(failure) => format!("# failed, and undone: {failure}\n"),
        VisitOutcome::FailedUnclear(failure) => {
            format!("# failed; what the port is now, is not known: {failure}\n")
        }
        VisitOutcome::BrokenOff => "# broken off; it is chosen anew\n".to_owned(),
        VisitOutcome::PutOff(failure) => format!("# kept out, and put off: {failure}\n"),
    }
}

/// Takes out what is kept no longer.
///
/// # Errors
/// [`StoreUnavailable`]: the next time will do.
pub async fn clean_up(outside: &Outside, duty: &Duty) -> Result<(), StoreUnavailable> {
    let retention = &outside.settings.retention;
    let index = Index::Transcripts(duty.switch.id.clone());
    let limit = retention.transcripts_per_switch.saturating_add(CLEANED_AT_ONCE);
    let members = outside.store.members(&index, limit).await?;
    let written: Vec<_> = members.iter().map(|member| UnixMillis(member.score)).collect();
    let keep_ms = retention.transcript_keep_ms();
    let gone = outdated(&written, outside.clock.now(), retention.transcripts_per_switch, keep_ms);
    if gone == 0 {
        return Ok(());
    }
    let mut commit = duty.commit(outside);
    commit.durability = Durability::Lazy;
    for member in members.into_iter().take(gone.min(CLEANED_AT_ONCE)) {
        if let Some(subject) = Subject::from_member(&member.member) {
            commit.writes.push(Write::Delete(subject.key(&duty.switch.id)));
        }
        commit.writes.push(Write::Exclude { index: index.clone(), member: member.member });
    }
    outside.store.commit(vec![commit]).await.map_err(|error| StoreUnavailable(error.to_string()))
}
