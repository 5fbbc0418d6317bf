//! The actor graph on paused time.

mod crashes;
mod first_contact;
mod one;
mod retention;
mod several;
mod world;
