//! Sessions over the types of the [`http`] crate: what the adapters for axum and hyper share.
//!
//! Depend on `sessions-axum` or `sessions-hyper`, which re-export all that their users need. This
//! crate is for whoever writes an adapter for another framework that is built on the [`http`]
//! crate: a middleware calls [`open`] with each request, wraps the handler's future into a
//! [`ResponseFuture`], and that is all of it.
//!
//! ```
//! use http::header::{COOKIE, SET_COOKIE};
//! use http::{Request, Response};
//! use sessions_core::Sessions;
//! use sessions_http::{SessionsExt, SessionError};
//!
//! # pollster::block_on(async {
//! let sessions = Sessions::builder().build().expect("the defaults are sound");
//!
//! let request = Request::new(());
//! let session = sessions.start(&request).await?;
//! session.set("name", "iris")?;
//! let mut response = Response::new(());
//! sessions.finish(&session, &mut response).await?;
//!
//! let set_cookie = response.headers()[SET_COOKIE].to_str().unwrap();
//! let (cookie, _) = set_cookie.split_once(';').unwrap();
//! let request = Request::builder().header(COOKIE, cookie).body(()).unwrap();
//! let session = sessions.start(&request).await?;
//! assert_eq!(session.get::<String>("name")?.as_deref(), Some("iris"));
//! # Ok::<(), SessionError>(())
//! # }).unwrap();
//! ```
//!
//! # What this crate does not do
//!
//! It decides nothing: what is written, when, and which cookie follows from it is the business of
//! `sessions-core`. It knows no framework and no body type. Of a runtime it needs only that of
//! [`tokio`](https://docs.rs/tokio), for requests that are dropped: see [`ResponseFuture`].
//!
//! # Log
//!
//! What this crate logs, by `tracing`, has the target `sessions_http`, in `sessions-axum` and
//! `sessions-hyper` too.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod complete;
mod error;
mod exchanges;
mod ext;
mod future;
pub mod global;
mod headers;
mod request;
mod sealed;

pub use error::SessionError;
pub use exchanges::{open, session};
pub use ext::SessionsExt;
pub use future::ResponseFuture;
pub use request::RequestHead;

/// The target of all that this crate logs.
pub(crate) const TARGET: &str = "sessions_http";
