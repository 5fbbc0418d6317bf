//! The actor graph on paused time.

mod crashes;
mod drift;
mod one;
mod panics;
mod retention;
mod several;
mod stopping;
mod world;
