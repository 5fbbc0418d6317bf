//! The actor graph on paused time.

mod clocks;
mod crashes;
mod deliveries;
mod drift;
mod first_contact;
mod logins;
mod one;
mod panics;
mod retention;
mod several;
mod stopping;
mod transcripts;
mod visits;
mod waiting;
mod world;
