//! The contract's tests on stores that keep every promise, and on stores that break one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod broken_promises;
mod byte_store;
mod fault;
mod memory;
mod support;
