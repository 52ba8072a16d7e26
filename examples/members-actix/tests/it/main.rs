//! The application over HTTP, without sockets: requests go to its service directly.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod client;
mod confirmation;
mod devices;
mod forgery;
mod logins;
mod program;
#[path = "../support/mod.rs"]
mod support;
