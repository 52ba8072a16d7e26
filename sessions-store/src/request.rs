//! What one request sees of its session, and changes.
//!
//! This is for the crate that serves requests. A store needs none of it: it receives a request's
//! [`Changes`](crate::Changes) when they are committed.

mod view;

pub use crate::record::{HeadChanges, NewSecret, Scope, Scratch};
pub use view::{View, WriteError};
