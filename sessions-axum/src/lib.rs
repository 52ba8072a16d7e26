//! Server-side sessions for [axum](https://docs.rs/axum) and other tower services over `http`'s
//! types, if their response body implements `Default`.
//!
//! Wrap a router in a [`SessionLayer`] and extract [`Session`] in its handlers:
//!
//! ```
//! use axum::{Router, routing::get};
//! use sessions_axum::{Session, SessionError, SessionLayer, Sessions};
//!
//! async fn visits(session: Session) -> Result<String, SessionError> {
//!     let visits = session.increment("visits", 1)?;
//!     Ok(format!("visit {visits}"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sessions = Sessions::builder().build()?;
//! let app: Router = Router::new().route("/", get(visits)).layer(SessionLayer::new(sessions));
//!
//! // A browser comes, gets a cookie, and comes back with it.
//! # use axum::body::{Body, to_bytes};
//! # use axum::http::{Request, header::{COOKIE, SET_COOKIE}};
//! # use tower::ServiceExt;
//! let response = app.clone().oneshot(Request::new(Body::empty())).await?;
//! let set_cookie = response.headers()[SET_COOKIE].to_str()?;
//! let (cookie, attributes) = set_cookie.split_once(';').unwrap();
//! assert_eq!(attributes, " HttpOnly; SameSite=Lax; Secure; Path=/");
//!
//! let response = app.oneshot(Request::builder().header(COOKIE, cookie).body(Body::empty())?).await?;
//! assert_eq!(to_bytes(response.into_body(), 1024).await?, "visit 2");
//! # Ok(())
//! # }
//! ```
//!
//! The extractor loads the session once per request; reads and writes are then plain calls. When
//! the handler is done, and before the response headers are sent, the layer writes the changes in
//! one atomic step and adds the cookie. A route that does not ask for its session never touches the
//! store. [`sessions_core::Session`] documents what a session can do.
//!
//! # Without the layer
//!
//! A handler can start and finish its session itself with [`SessionsExt`]:
//!
//! ```
//! use axum::extract::{Request, State};
//! use axum::response::{IntoResponse, Response};
//! use axum::{Router, routing::post};
//! use sessions_axum::{SessionError, Sessions, SessionsExt};
//!
//! async fn sign_in(State(sessions): State<Sessions>, request: Request) -> Result<Response, SessionError> {
//!     let session = sessions.start(&request).await?;
//!     session.login("iris")?;
//!     let mut response = "welcome".into_response();
//!     sessions.finish(&session, &mut response).await?;
//!     Ok(response)
//! }
//!
//! async fn sign_out(State(sessions): State<Sessions>, request: Request) -> Result<Response, SessionError> {
//!     let mut response = "good bye".into_response();
//!     sessions.destroy(&request, &mut response).await?;
//!     Ok(response)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sessions = Sessions::builder().build()?;
//! let app: Router = Router::new()
//!     .route("/in", post(sign_in))
//!     .route("/out", post(sign_out))
//!     .with_state(sessions.clone());
//! # use axum::body::Body;
//! # use axum::http::header::{COOKIE, SET_COOKIE};
//! # use tower::ServiceExt;
//! # let response = app.clone().oneshot(Request::post("/in").body(Body::empty())?).await?;
//! # let (cookie, _) = response.headers()[SET_COOKIE].to_str()?.split_once(';').unwrap();
//! # let request = Request::post("/out").header(COOKIE, cookie).body(Body::empty())?;
//! # assert_eq!(sessions.sessions_of("iris").await?.len(), 1);
//! # app.oneshot(request).await?;
//! # assert_eq!(sessions.sessions_of("iris").await?.len(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! A program with one manager can use the process-wide one: [`Sessions::global`] and the functions
//! in the module [`global`].
//!
//! # Signed-in visitors
//!
//! [`SignedIn`] is an extractor for pages that only signed-in visitors see, and [`SignedInLayer`]
//! wraps whole routers. Others are sent to the
//! [`login_page`](sessions_core::SessionsBuilder::login_page), or get 401 if they did not ask for a
//! page. [`device`] returns the address and user agent of a client.
//!
//! An unsafe request that another site sent with our cookie gets 403 when it asks for its session;
//! see [`CrossOrigin`].
//!
//! # Failures
//!
//! A handler returns a [`SessionError`] when its session fails: the client gets a bare status, and
//! the error is logged with its sources. A commit that fails replaces the handler's response in the
//! same way, so a response never claims success for data that was not saved. A response with status
//! 5xx, 408 or 413 drops the request's writes but keeps a `destroy` and a `renew`. A service that
//! fails and a handler that panics keep only a `destroy`: no response could send a new token.
//!
//! [`SessionError`] is what this crate's functions return, and becomes the response. The methods of
//! a session return core's [`Error`], which has an [`ErrorKind`]. In a
//! handler that returns a `SessionError`, `?` converts it; an error type of your own needs a `From`
//! for both.
//!
//! # Log
//!
//! This crate logs through `tracing` with the target `sessions_http`, the crate that it shares with
//! `sessions-hyper`. Session events have the target `sessions_core`. Errors have the fields `kind`,
//! `status` and `error`. Those that the [server caused](Error::is_servers_fault) are logged at
//! `ERROR`, and all others at `DEBUG`, so that clients cannot flood the log. Four lines of
//! `sessions_core` that a client can cause appear at most once a minute: the warnings about a
//! cookie that browsers drop and about writes that were never saved, and the errors about a record
//! that is unreadable or in a newer format.
//!
//! # What this crate does not do
//!
//! - It does not authenticate anybody: verify a password, or ask another site, and then call
//!   [`login`](sessions_core::Session::login).
//! - It has no form tokens, and does not protect a `GET` that changes something.
//! - It does not save what a streamed body writes after the response headers were sent; call
//!   [`save`](sessions_core::Session::save) for that.
//! - It does not make a cache inside it safe: place a layer that caches responses around this one,
//!   where it sees the `Vary: Cookie` and `Cache-Control: no-store` headers of private responses.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod device;
mod error;
mod ext;
mod extract;
mod gate;
pub mod global;
mod layer;
mod service;

pub use device::device;
pub use error::SessionError;
pub use ext::SessionsExt;
pub use extract::Session;
pub use gate::{SignedIn, SignedInLayer, SignedInService};
pub use layer::SessionLayer;
pub use service::SessionService;

#[doc(no_inline)]
pub use sessions_core;
#[cfg(feature = "seal")]
pub use sessions_core::SealKey;
pub use sessions_core::{
    ConfigError, CrossOrigin, DestroyReason, Device, Error, ErrorKind, Event, Expiry, Key, LimitPolicy, Login,
    OutagePolicy, RejectReason, SameSite, SessionId, SessionInfo, Sessions, SessionsBuilder, Timestamp, TrustedProxies,
    local_path,
};
pub use sessions_http::{RequestHead, ResponseFuture, device as device_of_peer};
