//! The application over HTTP, without sockets: requests go to its router directly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod providers;
#[path = "../../../members-tests/it/mod.rs"]
mod shared;
mod site;
#[path = "../support/mod.rs"]
mod support;

pub(crate) use tokio::test as async_test;
