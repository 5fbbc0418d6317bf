//! The actor graph on paused time.

mod one;
mod retention;
mod several;
mod world;
