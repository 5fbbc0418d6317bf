//! The history, as the witnesses of a run keep it: what clients sent and got, when holders were frozen; and in the end what
//! switches, receivers, logs and the list of dead letters say.

use super::book::Order;
use super::instances::Instance;
use super::partners::Partner;
use super::switches::Switches;
use super::world::World;
use crate::checker::history::{
    self, Attempt, Ending, Freeze, History, Place, Plan, Recipient, Reply, Text, WebhookSecret,
};
use crate::checker::moment::{Beginning, Moment, Span};
use crate::checker::witness;
use std::time::Instant;

/// The history so far.
#[derive(Debug)]
pub struct Kept {
    beginning: Beginning,
    history: History,
}

impl Kept {
    /// Looks at everything before the first request.
    pub fn begin(partners: &[Partner], switches: &Switches) -> Self {
        let mut history = History::default();
        for partner in partners {
            let secret = history::Secret { name: "webhook secret".into(), value: partner.secret.clone() };
            let secrets = vec![WebhookSecret { secret, valid: Span::since(Moment(0)) }];
            history.partners.push(history::Partner { id: partner.id, secrets });
            history.plans.extend(partner.plans.iter().map(|plan| Plan {
                id: plan.id,
                vlan: plan.vlan,
                down_kbps: Some(plan.down_kbps),
                up_kbps: Some(plan.up_kbps),
            }));
        }
        let password = switches.password.clone();
        history.secrets.push(history::Secret { name: "switch password".into(), value: password });
        for (number, switch) in switches.all().iter().enumerate() {
            for port in 0..switches.ports() {
                let name = switches.port_name(number, port);
                witness::watch_port(&mut history, switch, &name);
                let place = Place { switch: switch.name().to_owned(), port: name };
                history.locations.insert(switches.location(number, port), place);
            }
        }
        Self { beginning: Beginning::now(), history }
    }

    /// Of nothing: what stays behind when the history is taken.
    pub fn empty() -> Self {
        Self { beginning: Beginning::now(), history: History::default() }
    }

    /// A client asked, and this came of it.
    pub fn attempt(&mut self, order: &Order, sent: Instant, reply: &Heard) {
        let at = self.beginning.moment(reply.at);
        let reply = match &reply.answer {
            Some(answer) => Reply::Answer(history::Answer {
                at,
                status: answer.status,
                replayed: answer.replayed,
                body: answer.body.clone(),
            }),
            None => Reply::Nothing { given_up: at },
        };
        self.history.attempts.push(Attempt {
            request: order.request.clone(),
            sent: self.beginning.moment(sent),
            reply,
        });
    }

    /// The harness itself stopped this holder, and from then on its late sessions may have met others.
    pub fn freeze(&mut self, holder: String, from: Instant, until: Instant) {
        let span = self.span(from, until);
        self.history.freezes.push(Freeze { switch: None, holder: Some(holder), span });
    }

    /// The store certainly answered nobody.
    pub fn outage(&mut self, from: Instant, until: Instant) {
        let span = self.span(from, until);
        self.history.outages.push(span);
    }

    fn span(&self, from: Instant, until: Instant) -> Span {
        Span::new(self.beginning.moment(from), self.beginning.moment(until))
    }

    /// What an instance wrote.
    pub fn log(&mut self, place: String, text: String) {
        self.history.texts.push(Text { place, text });
    }

    /// All of it, now that nothing goes on.
    pub fn finish(mut self, world: &World, dead_letters: &[String], ending: Ending) -> History {
        for switch in world.switches.all() {
            let whose = |peer| world.instances.iter().find(|instance| instance.has_dialled(peer));
            let name = |peer| whose(peer).map(Instance::name);
            witness::note_switch_of(&mut self.history, &self.beginning, switch, name);
        }
        for partner in &world.partners {
            let to = Recipient::Partner(partner.id);
            witness::note_receiver(&mut self.history, &self.beginning, &partner.receiver, to);
        }
        witness::note_dead_letters(&mut self.history, dead_letters);
        self.history.ending = ending;
        self.history
    }
}

/// What a client got, and when.
#[derive(Debug)]
pub struct Heard {
    /// When the answer was there, or was no longer waited for.
    pub at: Instant,
    /// The answer, if one came whole.
    pub answer: Option<Answered>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// Whether it had `Idempotency-Replayed: true`.
    pub replayed: bool,
    /// The bytes.
    pub body: Vec<u8>,
}
