//! The application in a real Chromium.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../members-tests/browser/mod.rs"]
mod shared;
mod site;
#[path = "../support/mod.rs"]
mod support;
