//! The code shared by the adapters, driven without a framework.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod dropped;
mod explicit;
mod failures;
mod gates;
mod global;
mod log;
mod middleware;
mod support;
