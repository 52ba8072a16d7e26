//! The application over HTTP, without sockets: requests go to its service directly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../members-tests/it/mod.rs"]
mod shared;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod users;

pub(crate) use actix_web::test as async_test;
