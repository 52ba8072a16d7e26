//! Server-side sessions for [actix-web](actix_web).
//!
//! Wrap an app in a [`SessionMiddleware`] and extract [`Session`] in its handlers. The session's
//! data stays on the server; the browser gets one cookie that opens it.
//!
//! ```
//! use actix_web::{App, web};
//! use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions};
//!
//! async fn visits(session: Session) -> Result<String, SessionError> {
//!     let visits = session.increment("visits", 1)?;
//!     Ok(format!("visit {visits}"))
//! }
//!
//! # use actix_web::http::header::{COOKIE, SET_COOKIE};
//! # use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};
//! # #[actix_web::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sessions = Sessions::builder().build()?;
//! let app = App::new().wrap(SessionMiddleware::new(sessions)).route("/", web::get().to(visits));
//!
//! // A browser comes, gets a cookie, and comes back with it.
//! let app = init_service(app).await;
//! let response = call_service(&app, TestRequest::get().to_request()).await;
//! let set_cookie = response.headers().get(SET_COOKIE).unwrap().to_str()?;
//! let (cookie, attributes) = set_cookie.split_once(';').unwrap();
//! assert_eq!(attributes, " HttpOnly; SameSite=Lax; Secure; Path=/");
//!
//! let request = TestRequest::get().insert_header((COOKIE, cookie)).to_request();
//! assert_eq!(call_and_read_body(&app, request).await, "visit 2");
//! # Ok(())
//! # }
//! ```
//!
//! The extractor loads the session once per request; reads and writes are then plain calls. When
//! the handler is done, and before the response headers are sent, the middleware writes the changes
//! in one atomic step and adds the cookie. A route that does not ask for its session never touches
//! the store. [`sessions_core::Session`] documents what a session can do.
//!
//! # Without the middleware
//!
//! A handler can start and finish its session itself with [`SessionsExt`]:
//!
//! ```
//! use actix_web::{App, HttpRequest, HttpResponse, web};
//! use sessions_actix::{SessionError, Sessions, SessionsExt};
//!
//! async fn sign_in(sessions: web::Data<Sessions>, request: HttpRequest) -> Result<HttpResponse, SessionError> {
//!     let session = sessions.start(&request).await?;
//!     session.login("iris")?;
//!     let mut response = HttpResponse::Ok().body("welcome");
//!     sessions.finish(&session, &mut response).await?;
//!     Ok(response)
//! }
//!
//! async fn sign_out(sessions: web::Data<Sessions>, request: HttpRequest) -> Result<HttpResponse, SessionError> {
//!     let mut response = HttpResponse::Ok().body("good bye");
//!     sessions.destroy(&request, &mut response).await?;
//!     Ok(response)
//! }
//!
//! # use actix_web::http::header::{COOKIE, SET_COOKIE};
//! # use actix_web::test::{TestRequest, call_service, init_service};
//! # #[actix_web::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sessions = Sessions::builder().build()?;
//! let app = App::new()
//!     .app_data(web::Data::new(sessions.clone()))
//!     .route("/in", web::post().to(sign_in))
//!     .route("/out", web::post().to(sign_out));
//! # let app = init_service(app).await;
//! # let response = call_service(&app, TestRequest::post().uri("/in").to_request()).await;
//! # let (cookie, _) = response.headers().get(SET_COOKIE).unwrap().to_str()?.split_once(';').unwrap();
//! # assert_eq!(sessions.sessions_of("iris").await?.len(), 1);
//! # let request = TestRequest::post().uri("/out").insert_header((COOKIE, cookie)).to_request();
//! # call_service(&app, request).await;
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
//! [`SignedIn`] is an extractor for pages that only signed-in visitors see, and
//! [`SignedInMiddleware`] wraps whole scopes. Others are sent to the
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
//! same way, so a response never claims success for data that was not saved. An `Err` from a
//! handler or middleware counts as a response with the error's status. A status of 5xx, 408 or 413
//! drops the request's writes but keeps a `destroy` and a `renew`. A panic keeps only a `destroy`:
//! no response could send a new token.
//!
//! [`SessionError`] is what this crate's functions return, and becomes the response. The methods of
//! a session return core's [`Error`], which has an [`ErrorKind`]. In a
//! handler that returns a `SessionError`, `?` converts it; an error type of your own needs a `From`
//! for both.
//!
//! # Streams and sockets
//!
//! A session is saved before the response headers are sent. The body of a streamed response or the
//! task of a WebSocket may keep a clone of the [`Session`]; its later writes reach the store
//! through [`save`](sessions_core::Session::save).
//!
//! # Log
//!
//! This crate logs through `tracing` with the target `sessions_actix`. Session events have the
//! target `sessions_core`. Errors have the fields `kind`, `status` and `error`. Those that the
//! [server caused](Error::is_servers_fault) are logged at `ERROR`, and all others at `DEBUG`, so
//! that clients cannot flood the log. Four lines of `sessions_core` that a client can cause
//! appear at most once a minute: the warnings about a cookie that browsers drop and about writes
//! that were never saved, and the errors about a record that is unreadable or in a newer format.
//!
//! # What this crate does not do
//!
//! - It does not authenticate anybody: verify a password, or ask another site, and then call
//!   [`login`](sessions_core::Session::login).
//! - It has no form tokens, and does not protect a `GET` that changes something.
//! - It does not use actix-web's own cookie parser, which decodes names: a cookie whose name merely
//!   decodes to ours is ignored.
//! - It does not make a cache inside it safe: place a middleware that caches responses around this
//!   one, where it sees the `Vary: Cookie` and `Cache-Control: no-store` headers of private
//!   responses.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod complete;
mod device;
mod error;
mod exchanges;
mod ext;
mod extract;
mod future;
mod gate;
pub mod global;
mod headers;
mod middleware;
mod request;
mod service;

pub use device::device;
pub use error::SessionError;
pub use ext::SessionsExt;
pub use extract::{Extraction, OptionalSession, Session};
pub use future::ResponseFuture;
pub use gate::{OptionalSignedIn, SignedIn, SignedInMiddleware, SignedInService};
pub use middleware::SessionMiddleware;
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

/// The `tracing` target of this crate's log lines.
pub(crate) const TARGET: &str = "sessions_actix";
