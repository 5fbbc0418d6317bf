//! What an operator asks of a case: what was said on a switch's sessions.

use super::{LIST_LIMIT, find_switch};
use crate::machine::rfc3339;
use anyhow::bail;
use switchyard_actors::domain::ids::{JobId, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Record};
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::domain::transcript::{Subject, text_of};
use switchyard_actors::ports::store::{Member, Store};

/// The last texts of a switch, oldest first; or that of one job.
///
/// # Errors
/// When there is no such switch or job, or the store can't be read.
pub async fn list(
    store: &dyn Store,
    name: &str,
    job: Option<JobId>,
    last: usize,
) -> anyhow::Result<Vec<String>> {
    let switch = find_switch(store, name).await?;
    let members = store.members(&Index::Transcripts(switch.clone()), LIST_LIMIT).await?;
    let wanted = job.map(|job| Subject::Job(job).to_member());
    let is_wanted = |member: &&Member| wanted.as_ref().is_none_or(|wanted| member.member == *wanted);
    let found: Vec<_> = members.iter().filter(is_wanted).collect();
    match (found.len(), job) {
        (0, Some(job)) => bail!("nothing is kept of what was said to {switch} for job {job}"),
        (0, None) => return Ok(vec![format!("nothing is kept of what was said to {switch}")]),
        _ => {}
    }
    let mut lines = Vec::new();
    for member in &found[found.len().saturating_sub(last)..] {
        let Some(subject) = Subject::from_member(&member.member) else { continue };
        lines.push(heading(store, &switch, &subject, UnixMillis(member.score)).await?);
        let read = store.read(&[subject.key(&switch)]).await?.pop().flatten();
        let text = read.and_then(|stored| text_of(stored.record)).unwrap_or_default();
        lines.extend(text.lines().map(str::to_owned));
        lines.push(String::new());
    }
    Ok(lines)
}

async fn heading(
    store: &dyn Store,
    switch: &SwitchId,
    subject: &Subject,
    at: UnixMillis,
) -> anyhow::Result<String> {
    let about = match subject {
        Subject::Job(id) => {
            let read = store.read(&[Key::Job(switch.clone(), *id)]).await?.pop().flatten();
            match read.map(|stored| stored.record) {
                Some(Record::Job(job)) => {
                    format!("job {id}, port {}, {}", job.port.port, job.state.name())
                }
                _ => format!("job {id}, forgotten by now"),
            }
        }
        Subject::Port(port) => format!("port {port}, repaired or proven without a job"),
        Subject::Save => "saves of the running configuration".to_owned(),
    };
    Ok(format!("== {about}; last at {}", rfc3339(at)))
}
