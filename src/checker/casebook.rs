//! The history put in order: one case for each key, and each switch's commands in the order in which they came.
//!
//! It sorts and joins; it must never judge, drop or repair what a witness said.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::case::{Case, Fate};
use super::event::{Event, Unreadable};
use super::history::{Command, Ending, History, Place, Reading, Secret, Session};
use super::request::{Key, Wish};

/// By place, the cases that asked for it.
pub(super) type Askers<'c, 'h> = BTreeMap<&'h Place, Vec<&'c Case<'h>>>;

/// The history, in order.
#[derive(Debug)]
pub(super) struct Casebook<'h> {
    pub history: &'h History,
    pub cases: BTreeMap<Key, Case<'h>>,
    pub unreadable: Vec<Unreadable<'h>>,
    /// Dead letters of which nobody knows whose they are.
    nameless_letters: usize,
    sessions: HashMap<&'h str, Vec<&'h Session>>,
    commands: HashMap<&'h str, Vec<&'h Command>>,
    readings: HashMap<&'h str, HashMap<&'h str, Vec<&'h Reading>>>,
}

impl<'h> Casebook<'h> {
    pub fn of(history: &'h History) -> Self {
        let mut book = Self {
            history,
            cases: BTreeMap::new(),
            unreadable: Vec::new(),
            nameless_letters: 0,
            sessions: HashMap::new(),
            commands: HashMap::new(),
            readings: HashMap::new(),
        };
        book.file_attempts();
        book.file_deliveries();
        book.file_what_names_a_subscription();
        book.file_what_switches_saw();
        book
    }

    fn file_attempts(&mut self) {
        for attempt in &self.history.attempts {
            self.case_mut(&attempt.request.key).attempts.push(attempt);
        }
        for case in self.cases.values_mut() {
            case.attempts.sort_by_key(|attempt| attempt.sent);
        }
    }

    fn file_deliveries(&mut self) {
        let mut deliveries: Vec<_> = self.history.deliveries.iter().collect();
        deliveries.sort_by_key(|delivery| delivery.at);
        for delivery in deliveries {
            match Event::read(delivery) {
                Ok(event) => self.case_mut(&event.key.clone()).events.push(event),
                Err(unreadable) => self.unreadable.push(unreadable),
            }
        }
    }

    /// What names a subscription that no other witness knows belongs to an answer that was lost: it is no case of its own.
    fn file_what_names_a_subscription(&mut self) {
        let mut keys: HashMap<Uuid, Key> = HashMap::new();
        for case in self.cases.values() {
            keys.extend(case.subscriptions().into_iter().map(|id| (id, case.key.clone())));
        }
        for call in &self.history.calls {
            if let Some(key) = keys.get(&call.subscription) {
                self.case_mut(key).calls.push(call);
            }
        }
        let arrived =
            self.cases.values().flat_map(|case| case.events.iter().map(|event| (event.id, &case.key)));
        let arrived: HashMap<&str, Key> = arrived.map(|(id, key)| (id, key.clone())).collect();
        for letter in &self.history.dead_letters {
            let named = letter.subscription.and_then(|subscription| keys.get(&subscription));
            match named.or_else(|| arrived.get(letter.id.as_str())) {
                Some(key) => self.case_mut(key).dead.push(letter),
                None => self.nameless_letters += 1,
            }
        }
        for case in self.cases.values_mut() {
            case.calls.sort_by_key(|call| call.sent);
        }
    }

    fn file_what_switches_saw(&mut self) {
        for session in &self.history.sessions {
            self.sessions.entry(&session.switch).or_default().push(session);
        }
        for command in &self.history.commands {
            self.commands.entry(&command.switch).or_default().push(command);
        }
        for reading in &self.history.readings {
            let of_switch = self.readings.entry(&reading.place.switch).or_default();
            of_switch.entry(&reading.place.port).or_default().push(reading);
        }
        for commands in self.commands.values_mut() {
            commands.sort_by_key(|command| command.at);
        }
    }

    fn case_mut(&mut self, key: &Key) -> &mut Case<'h> {
        self.cases.entry(key.clone()).or_insert_with(|| Case::new(key.clone()))
    }

    pub fn is_drained(&self) -> bool {
        self.history.ending == Ending::Drained
    }

    /// Whether what isn't here doesn't exist: everything has come to rest, and no dead letter may be the one that is missed.
    pub fn is_complete(&self) -> bool {
        self.is_drained() && self.nameless_letters == 0
    }

    /// A switch's sessions.
    pub fn sessions(&self, switch: &str) -> &[&'h Session] {
        self.sessions.get(switch).map_or(&[], Vec::as_slice)
    }

    /// A switch's commands, in the order in which they came.
    pub fn commands(&self, switch: &str) -> &[&'h Command] {
        self.commands.get(switch).map_or(&[], Vec::as_slice)
    }

    /// What its switch showed of a port; `None` where the switch was not heard to have shown any port by itself.
    pub fn readings(&self, place: &Place) -> Option<&[&'h Reading]> {
        let of_switch = self.readings.get(place.switch.as_str())?;
        Some(of_switch.get(place.port.as_str()).map_or(&[], Vec::as_slice))
    }

    /// Every switch that a witness spoke of.
    pub fn switches(&self) -> BTreeSet<&'h str> {
        self.sessions.keys().chain(self.commands.keys()).copied().collect()
    }

    /// What became of a case. Where everything has come to rest, what was accepted without an answer would have shown.
    pub fn fate(&self, case: &Case<'h>) -> Fate {
        match case.fate() {
            Fate::Unsettled if self.is_complete() && case.is_silent() => Fate::NeverTaken,
            fate => fate,
        }
    }

    /// The port that a case is about, if it was watched.
    pub fn place(&self, case: &Case<'h>) -> Option<&'h Place> {
        self.history.locations.get(&case.location()?)
    }

    /// By place, the cases that asked for it.
    pub fn by_place(&self) -> BTreeMap<&'h Place, Vec<&Case<'h>>> {
        let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for case in self.cases.values() {
            if let Some(place) = self.place(case) {
                places.entry(place).or_default().push(case);
            }
        }
        places
    }

    /// The port that a request is for, if it was watched.
    pub fn place_of(&self, wish: &Wish) -> Option<&'h Place> {
        match wish {
            Wish::Direct { location, .. } => self.history.locations.get(location),
            Wish::HomeDrop { .. } => None,
        }
    }

    /// By place, every case that ever asked for it, whatever became of that.
    pub fn askers(&self) -> Askers<'_, 'h> {
        let mut askers: Askers<'_, 'h> = BTreeMap::new();
        for case in self.cases.values() {
            let asked = case.attempts.iter().filter_map(|attempt| self.place_of(&attempt.request.wish));
            let places: BTreeSet<_> = asked.chain(self.place(case)).collect();
            for place in places {
                askers.entry(place).or_default().push(case);
            }
        }
        askers
    }

    /// Every text that must not be seen.
    pub fn secrets(&self) -> impl Iterator<Item = &'h Secret> {
        let of_partners = self.history.partners.iter().flat_map(|partner| &partner.secrets);
        self.history.secrets.iter().chain(of_partners.map(|secret| &secret.secret))
    }
}
