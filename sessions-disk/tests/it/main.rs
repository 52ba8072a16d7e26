//! The store around an engine in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod batching;
mod bulk;
mod capacity;
mod checks;
mod failing;
mod full_disk;
mod support;
