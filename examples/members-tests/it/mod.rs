//! What members do, over HTTP without sockets.
//!
//! Each application has a `Site` that begins it, sends it a request and changes its database.

mod accounts;
pub(crate) mod browser;
mod confirmation;
mod devices;
mod forgery;
mod logins;
mod program;
