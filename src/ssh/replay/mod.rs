//! Recorded dialogs, replayed against the scanner: cut, interrupted and broken off everywhere, they must come to the verdict
//! that the recording names, or to one that leaves it to the read-back; never to a wrong one.

mod mutation;
mod player;
mod properties;
mod recording;
