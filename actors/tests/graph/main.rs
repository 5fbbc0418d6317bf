//! The actor graph on paused time.

mod crashes;
mod drift;
mod one;
mod retention;
mod several;
mod world;
