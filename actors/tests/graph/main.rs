//! The actor graph on paused time.

mod one;
mod several;
mod world;
