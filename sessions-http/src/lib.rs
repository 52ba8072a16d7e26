//! Sessions over the types of the [`http`] crate, shared by the adapters for axum and hyper.
//!
//! Applications depend on `sessions-axum` or `sessions-hyper`, which re-export what their users
//! need. Use this crate to write an adapter for another framework that is built on the [`http`]
//! crate: a middleware only has to call [`open`] with each request and wrap the handler's future in
//! a [`ResponseFuture`].
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
//! It makes no decisions: what is written, when, and which cookie is sent is decided in
//! `sessions-core`. It depends on no framework and no body type. It needs a runtime,
//! [`tokio`](https://docs.rs/tokio), only for requests that are dropped; see [`ResponseFuture`].
//!
//! # Log
//!
//! This crate logs through `tracing` with the target `sessions_http`, also when used through
//! `sessions-axum` or `sessions-hyper`.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod complete;
mod device;
mod error;
mod exchanges;
mod ext;
mod future;
mod gate;
pub mod global;
mod headers;
mod request;
mod sealed_traits;

pub use device::device;
pub use error::SessionError;
pub use exchanges::{open, session};
pub use ext::SessionsExt;
pub use future::ResponseFuture;
pub use gate::{signed_in, signed_in_from};
pub use request::RequestHead;

/// The `tracing` target of this crate's log lines.
pub(crate) const TARGET: &str = "sessions_http";
