//! What one request sees of its session, and changes.
//!
//! This is for `sessions-core`, as are a few methods of [`Record`](crate::Record),
//! [`Changes`](crate::Changes) and [`Limits`](crate::Limits). A store needs none of it: it receives
//! a request's changes when they are committed.

mod view;

pub use crate::record::{HeadChanges, NewSecret, Scope, Scratch};
pub use view::{View, Write, WriteError};
