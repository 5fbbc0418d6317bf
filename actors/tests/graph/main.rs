//! The actor graph on paused time.

mod crashes;
mod one;
mod several;
mod world;
