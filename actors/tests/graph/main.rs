//! The actor graph on paused time.

mod clocks;
mod crashes;
mod one;
mod retention;
mod several;
mod world;
