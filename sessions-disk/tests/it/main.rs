//! The store around an engine in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod batching;
mod capacity;
mod checks;
mod failing;
mod scarce;
mod support;
mod walking;
