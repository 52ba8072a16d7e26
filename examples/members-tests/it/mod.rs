//! What members do, over HTTP without sockets.

mod accounts;
mod confirmation;
mod devices;
mod forgery;
mod logins;
mod program;
