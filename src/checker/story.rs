//! The shortest story of a job: its lines of history in order, from the request to the webhook, with what says the same twice
//! said once. No secret is ever in it, wherever a witness saw one.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::case::Case;
use super::casebook::Casebook;
use super::event::Event;
use super::history::{Answered, Attempt, Call, Place, Reply};
use super::moment::{Moment, Span};

/// A line's characters that are shown.
const SHOWN_CHARACTERS: usize = 300;

/// A port's commands that are shown.
const SHOWN_COMMANDS: usize = 12;

/// How something came to be.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Story {
    /// Of what, if a key is known.
    pub subject: Option<Subject>,
    /// In the order of time.
    pub lines: Vec<StoryLine>,
}

/// Of what a story is.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// `service_provider_document_id`.
    pub partner: Uuid,
    /// `external_subscription_id`.
    pub external_subscription_id: String,
    /// Every subscription that was shown under the key.
    pub subscriptions: Vec<Uuid>,
    /// Every job.
    pub jobs: Vec<Uuid>,
    /// Its port, if it was watched.
    pub place: Option<Place>,
}

/// A line of history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StoryLine {
    /// When.
    pub at: Moment,
    /// What was seen.
    pub seen: String,
}

impl Story {
    /// A key's whole story.
    pub(super) fn of_case(book: &Casebook<'_>, case: &Case<'_>) -> Self {
        let place = book.place(case);
        let subject = Subject {
            partner: case.key.partner,
            external_subscription_id: case.key.external.clone(),
            subscriptions: case.subscriptions().into_iter().collect(),
            jobs: case.jobs().into_iter().collect(),
            place: place.cloned(),
        };
        let mut lines: Vec<_> = case.attempts.iter().flat_map(|attempt| attempt_lines(attempt)).collect();
        lines.extend(case.calls.iter().flat_map(|call| call_lines(call)));
        lines.extend(case.events.iter().map(event_line));
        lines.extend(case.dead.iter().map(|letter| {
            line(
                case.span().until.unwrap_or(Moment(0)),
                format!("listed as a dead letter: {} {}", letter.event, letter.id),
            )
        }));
        lines.extend(place.into_iter().flat_map(|place| port_lines(book, place, case.span())));
        Self { subject: Some(subject), lines: Vec::new() }.with(book, lines)
    }

    /// A stretch of a switch's history, and the story of the job that was on its way there, if one was.
    pub(super) fn of_switch(book: &Casebook<'_>, switch: &str, span: Span) -> Self {
        let story = case_on(book, switch, span).map(|case| Self::of_case(book, case));
        let mut lines = session_lines(book, switch, span, |_| true);
        let commands = book.commands(switch).iter().filter(|command| span.holds(command.at));
        lines.extend(commands.take(SHOWN_COMMANDS).map(|command| {
            line(command.at, format!("session {} of {switch}: {}", command.session, command.line))
        }));
        story.unwrap_or_default().with(book, lines)
    }

    /// Something that was seen beside.
    pub(super) fn and(self, book: &Casebook<'_>, at: Moment, seen: String) -> Self {
        self.with(book, vec![line(at, seen)])
    }

    fn with(mut self, book: &Casebook<'_>, lines: Vec<StoryLine>) -> Self {
        let seen = |line: StoryLine| StoryLine { seen: clipped(redacted(book, &line.seen)), ..line };
        self.lines.extend(lines.into_iter().map(seen));
        self.lines.sort();
        let mut said = HashSet::new();
        self.lines.retain(|line| said.insert(line.seen.clone()));
        self
    }
}

fn line(at: Moment, seen: String) -> StoryLine {
    StoryLine { at, seen }
}

fn attempt_lines(attempt: &Attempt) -> [StoryLine; 2] {
    let sent = format!("asked: {}", attempt.request.wish);
    [line(attempt.sent, sent), reply_line(&attempt.reply)]
}

fn call_lines(call: &Call) -> [StoryLine; 2] {
    [line(call.sent, format!("called: {:?} {}", call.intent, call.subscription)), reply_line(&call.reply)]
}

fn reply_line(reply: &Reply) -> StoryLine {
    match reply {
        Reply::Nothing { given_up } => line(*given_up, "no answer".to_owned()),
        Reply::Answer(answer) => {
            let mark = if answer.replayed { ", replayed" } else { "" };
            line(
                answer.at,
                format!("answered {}{mark}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
            )
        }
    }
}

fn event_line(event: &Event<'_>) -> StoryLine {
    let answered = match event.delivery.answered {
        Answered::Status(status) => format!("answered {status}"),
        Answered::Nothing => "not answered".to_owned(),
    };
    line(
        event.delivery.at,
        format!("webhook {}, {answered}: {}", event.id, String::from_utf8_lossy(&event.delivery.body)),
    )
}

/// The sessions in which the port was named, and the lines that named it.
fn port_lines(book: &Casebook<'_>, place: &Place, span: Span) -> Vec<StoryLine> {
    let switch = place.switch.as_str();
    let of_port = |line: &str| names_port(line, &place.port);
    let commands: Vec<_> = book
        .commands(switch)
        .iter()
        .filter(|command| span.holds(command.at) && of_port(&command.line))
        .collect();
    let sessions: HashSet<u64> = commands.iter().map(|command| command.session).collect();
    let mut lines = session_lines(book, switch, span, |number| sessions.contains(&number));
    lines.extend(commands.iter().take(SHOWN_COMMANDS).map(|command| {
        line(command.at, format!("session {} of {switch}: {}", command.session, command.line))
    }));
    lines
}

fn session_lines(
    book: &Casebook<'_>,
    switch: &str,
    span: Span,
    is_wanted: impl Fn(u64) -> bool,
) -> Vec<StoryLine> {
    let sessions = book.sessions(switch).iter();
    let wanted = sessions.filter(|session| is_wanted(session.number) && session.span.overlap(span).is_some());
    let told = wanted.map(|session| {
        let opened = line(session.span.from, format!("session {} of {switch} opened", session.number));
        let closed =
            session.span.until.map(|at| line(at, format!("session {} of {switch} closed", session.number)));
        [Some(opened), closed]
    });
    told.flatten().flatten().collect()
}

/// The job that was on its way on a switch: rather one whose port was named just then.
fn case_on<'c, 'h>(book: &'c Casebook<'h>, switch: &str, span: Span) -> Option<&'c Case<'h>> {
    let on_switch: Vec<_> = book
        .cases
        .values()
        .filter_map(|case| Some((case, book.place(case)?)))
        .filter(|(case, place)| place.switch == switch && case.span().overlap(span).is_some())
        .collect();
    let commands = book.commands(switch).iter().filter(|command| span.holds(command.at));
    let named = commands
        .filter_map(|command| on_switch.iter().find(|(_, place)| names_port(&command.line, &place.port)));
    named.chain(&on_switch).next().map(|(case, _)| *case)
}

/// Whether a line names the port, and not one whose number only begins the same.
pub(super) fn names_port(line: &str, port: &str) -> bool {
    let (line, port) = (line.to_ascii_lowercase(), port.to_ascii_lowercase());
    let ends = line.match_indices(&port).map(|(at, found)| at + found.len());
    ends.into_iter().any(|end| !line[end..].starts_with(|c: char| c.is_ascii_digit()))
}

fn clipped(text: String) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Before it is clipped, or half a secret would be left.
fn redacted(book: &Casebook<'_>, text: &str) -> String {
    let secrets = book.secrets().filter(|secret| !secret.value.is_empty());
    secrets.fold(text.to_owned(), |text, secret| text.replace(&secret.value, &format!("<{}>", secret.name)))
}

impl fmt::Display for Story {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(subject) = &self.subject {
            writeln!(formatter, "    {subject}")?;
        }
        self.lines.iter().try_for_each(|line| writeln!(formatter, "      {} {}", line.at, line.seen))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |ids: &[Uuid]| ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" and ");
        write!(formatter, "{:?} of partner {}", self.external_subscription_id, self.partner)?;
        write!(formatter, ", subscription {}, job {}", ids(&self.subscriptions), ids(&self.jobs))?;
        self.place.as_ref().map_or(Ok(()), |place| write!(formatter, ", {place}"))
    }
}
