//! Keeps a history of a test's world, from the outside, and lets the checker judge it.

use crate::harness::*;
use serde_json::Value;
use std::time::Instant;
use switchyard::checker::history::{
    self, Attempt, DeadLetter, Ending, EventName, History, Partner, Place, Plan, Recipient, Reply, Text,
    WebhookSecret,
};
use switchyard::checker::moment::{Beginning, Moment, Span};
use switchyard::checker::request::Request;
use switchyard::checker::{Report, judge, witness};

/// Whoever saw something.
pub struct Witnesses {
    beginning: Beginning,
    history: History,
}

impl Witnesses {
    /// Looks at everything before the first request.
    pub fn of(outside: &Outside) -> Self {
        let mut history = History::default();
        for (id, plan, secret) in [(PARTNER, PLAN, SECRET), (OTHER_PARTNER, FOREIGN_PLAN, OTHER_SECRET)] {
            let secret = named("webhook secret", secret);
            let secrets = vec![WebhookSecret { secret, valid: Span::since(Moment(0)) }];
            history.partners.push(Partner { id, secrets });
            history.plans.push(Plan {
                id: plan,
                vlan: VLAN,
                down_kbps: Some(100_000),
                up_kbps: Some(20_000),
            });
        }
        history.secrets = vec![
            named("switch password", PASSWORD),
            named("API key", API_KEY),
            named("other API key", OTHER_API_KEY),
        ];
        for (n, switch) in outside.fleet.switches().iter().enumerate() {
            for port in 0..outside.ports() {
                let place = Place { switch: switch_name(n), port: outside.port_name(n, port) };
                witness::watch_port(&mut history, switch, &place.port);
                history.locations.insert(outside.location(n, port), place);
            }
        }
        Self { beginning: Beginning::now(), history }
    }

    /// Sends a checkout, and remembers how it went; [`Self::remember`] takes it.
    pub async fn checkout(&self, client: &Client, body: &Value, secret: &str) -> Attempt {
        let text = body.to_string();
        let request = Request::parse(text.as_bytes()).expect("a request that can be judged");
        let sent = self.beginning.moment(Instant::now());
        let answer = client.post(CHECKOUT, &[("X-Webhook-Secret", secret)], text).await;
        let at = self.beginning.moment(Instant::now());
        let reply = answer.map_or(Reply::Nothing { given_up: at }, |answer| {
            Reply::Answer(history::Answer {
                at,
                status: answer.status,
                replayed: answer.header("idempotency-replayed") == Some("true"),
                body: answer.text.into_bytes(),
            })
        });
        Attempt { request, sent, reply }
    }

    pub fn remember(&mut self, attempts: impl IntoIterator<Item = Attempt>) {
        self.history.attempts.extend(attempts);
    }

    /// What was logged.
    pub fn hear_log(&mut self, text: String) {
        self.history.texts.push(Text { place: "the service's log".to_owned(), text });
    }

    /// Lines of `switchyard dead-letters`: id, `partner` and whose, event, `subscription` and which, and of an outcome `job`
    /// and which.
    pub fn hear_dead_letters(&mut self, lines: &[String]) {
        let letters = lines.iter().filter_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let [id, "partner", _, event, ..] = words[..] else { return None };
            let named = |name: &str| {
                let at = words.iter().position(|word| *word == name)?;
                words.get(at + 1)?.parse().ok()
            };
            let (id, event) = (id.to_owned(), EventName::parse(event));
            Some(DeadLetter { id, event, subscription: named("subscription"), job: named("job") })
        });
        self.history.dead_letters.extend(letters);
    }

    /// Hears everyone, once everything has come to rest.
    pub fn judge(mut self, outside: &Outside) -> Report {
        for switch in outside.fleet.switches() {
            witness::note_switch(&mut self.history, &self.beginning, switch);
        }
        witness::note_receiver(&mut self.history, &self.beginning, &outside.receiver, Recipient::Shared);
        self.history.ending = Ending::Drained;
        judge(&self.history)
    }
}

fn named(name: &str, value: &str) -> history::Secret {
    history::Secret { name: name.to_owned(), value: value.to_owned() }
}
