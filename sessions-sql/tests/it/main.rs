//! The store against real servers, which the tests start. Without them they print a notice.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod support;
