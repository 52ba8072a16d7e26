//! Server-side sessions for [actix-web](actix_web): a [`SessionMiddleware`] around an app, and
//! [`Session`] as an argument of its handlers. What a visitor's session holds stays on the server;
//! the browser gets one cookie that opens it.
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
//! The extractor loads the session, once in a request; reading and writing are then plain calls.
//! When the handler is done, and before the response's head leaves, the middleware writes what was
//! changed in one atomic step and adds the cookie. A route that does not ask for its session costs
//! the store nothing. What a session can do is told at [`core::Session`].
//!
//! # Without the middleware
//!
//! A handler may start and finish its session itself, with [`SessionsExt`]:
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
//!     .route("/in", web::get().to(sign_in))
//!     .route("/out", web::get().to(sign_out));
//! # let app = init_service(app).await;
//! # let response = call_service(&app, TestRequest::with_uri("/in").to_request()).await;
//! # let (cookie, _) = response.headers().get(SET_COOKIE).unwrap().to_str()?.split_once(';').unwrap();
//! # assert_eq!(sessions.sessions_of("iris").await?.len(), 1);
//! # let request = TestRequest::with_uri("/out").insert_header((COOKIE, cookie)).to_request();
//! # call_service(&app, request).await;
//! # assert_eq!(sessions.sessions_of("iris").await?.len(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! A program with one manager can leave it to the process: [`Sessions::global`], and the functions
//! [`start`], [`finish`], [`destroy`] and so on.
//!
//! # Failures
//!
//! A handler returns a [`SessionError`] for what its session refuses: the client is told a bare
//! status, the log the causes. A commit that fails replaces the handler's response in the same way,
//! so that no success is told that was not saved. A response with a 5xx status, a handler or
//! middleware that returns `Err`, and a handler that panics are finished too: by their status the
//! first two, as a 500 the last. A 500 drops what the request wrote, and keeps a `destroy` and a
//! `renew`.
//!
//! # Streams and sockets
//!
//! What is done to a session is saved before the response's head leaves. The body of a streamed
//! response, or the actor of a WebSocket, may keep a clone of the [`Session`]; what it writes later
//! reaches the store with [`save`](sessions_core::Session::save).
//!
//! # Log
//!
//! What this crate logs, by `tracing`, has the target `sessions_actix`; what happens to sessions
//! has the target `sessions_core`. Errors have the fields `kind`, `status` and `error`. What a
//! client can cause is never above `DEBUG`.
//!
//! # What this crate does not do
//!
//! - It does not guard against request forgery beyond `SameSite=Lax`, and signs nobody in by
//!   itself.
//! - It does not read actix-web's own view of the cookies, which decodes names: a cookie whose name
//!   merely decodes to ours is not ours.
//! - It does not make a cache within it safe: a middleware that caches responses belongs around this
//!   one, where it sees the `Vary: Cookie` and `Cache-Control: no-store` of responses that belong to
//!   one visitor.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod complete;
mod error;
mod exchanges;
mod ext;
mod extract;
mod future;
pub mod global;
mod headers;
mod middleware;
mod service;

pub use error::SessionError;
pub use ext::SessionsExt;
pub use extract::{Extraction, OptionalExtraction, OptionalSession, Session};
pub use future::ResponseFuture;
pub use middleware::SessionMiddleware;
pub use service::SessionService;

#[doc(no_inline)]
pub use sessions_core;
pub use sessions_core::{Error, Expiry, Key, SameSite, SealKey, SessionId, Sessions};

/// The target of all that this crate logs.
pub(crate) const TARGET: &str = "sessions_actix";
