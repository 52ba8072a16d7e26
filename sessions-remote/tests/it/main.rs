//! The store around an engine in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod lost_answers;
mod map_engine;
mod principals;
mod turns;
