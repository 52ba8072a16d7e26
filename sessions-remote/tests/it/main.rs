//! The store around an engine in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod gates;
mod lost_answers;
mod map_engine;
mod orders;
mod principals;
mod servers;
mod turns;
