//! The store contract and the checks for engines, on fjall.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod engine;
