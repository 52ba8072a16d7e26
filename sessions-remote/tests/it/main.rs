//! The store around an engine in memory.

mod conformance;
mod lost_answers;
mod map_engine;
