//! The actor graph on paused time.

mod crashes;
mod one;
mod retention;
mod several;
mod stopping;
mod world;
