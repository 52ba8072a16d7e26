//! Server-side sessions for [hyper](https://docs.rs/hyper): a wrapping service or explicit calls.
//!
//! # Around a service
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http_body_util::Full;
//! use hyper::body::{Bytes, Incoming};
//! use hyper::server::conn::http1;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//! use hyper_util::rt::TokioIo;
//! use sessions_hyper::{SessionError, SessionService, Sessions};
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::TcpListener;
//! # use tokio::net::TcpStream;
//!
//! async fn visits(request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, SessionError> {
//!     let session = sessions_hyper::session(request).await?;
//!     let visits = session.increment("visits", 1)?;
//!     Ok(Response::new(format!("visit {visits}").into()))
//! }
//!
//! async fn handle(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     Ok(visits(&request).await.unwrap_or_else(SessionError::into_response))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = SessionService::new(Sessions::builder().build()?, service_fn(handle));
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! # let address = listener.local_addr()?;
//! # let client = tokio::spawn(async move {
//! #     let mut answers = Vec::new();
//! #     let mut cookie = String::new();
//! #     let mut server = TcpStream::connect(address).await.unwrap();
//! #     for closes in ["keep-alive", "close"] {
//! #         let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: {closes}\r\nCookie: {cookie}\r\n\r\n");
//! #         server.write_all(request.as_bytes()).await.unwrap();
//! #         let mut answer = String::new();
//! #         let mut chunk = [0; 1024];
//! #         while !answer.contains("visit") {
//! #             let length = server.read(&mut chunk).await.unwrap();
//! #             assert_ne!(length, 0, "{answer}");
//! #             answer.push_str(str::from_utf8(&chunk[..length]).unwrap());
//! #         }
//! #         let set_cookie = answer.split("set-cookie: ").nth(1);
//! #         cookie = set_cookie.and_then(|rest| rest.split(';').next()).unwrap_or_default().to_owned();
//! #         answers.push(answer);
//! #     }
//! #     answers
//! # });
//! let (stream, _) = listener.accept().await?;
//! http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?;
//!
//! // Meanwhile, a browser came, got a cookie, and came back with it.
//! # let answers = client.await?;
//! assert!(answers[0].contains("set-cookie: __Host-id="));
//! assert!(answers[1].ends_with("visit 2"));
//! # Ok(())
//! # }
//! ```
//!
//! [`session`] loads the session once per request; reads and writes are then plain calls. When the
//! handler is done, and before the response headers are sent, the wrapper writes the changes in one
//! atomic step and adds the cookie. A request that does not ask for its session never touches the
//! store. [`Session`] documents what a session can do.
//!
//! # Explicit calls
//!
//! [`SessionsExt`] starts and finishes sessions without a wrapper, wherever there is a request and
//! a response:
//!
//! ```
//! use http_body_util::Full;
//! use hyper::body::Bytes;
//! use hyper::{Method, Request, Response, StatusCode};
//! use sessions_hyper::{SessionError, Sessions, SessionsExt};
//!
//! type Answer = Result<Response<Full<Bytes>>, SessionError>;
//!
//! async fn handle<B>(sessions: &Sessions, request: Request<B>) -> Answer {
//!     let mut response = Response::new(Full::default());
//!     match (request.method(), request.uri().path()) {
//!         (&Method::POST, "/login") => {
//!             let session = sessions.start(&request).await?;
//!             session.login("iris")?;
//!             sessions.finish(&session, &mut response).await?;
//!         }
//!         (&Method::POST, "/logout") => sessions.destroy(&request, &mut response).await?,
//!         _ => *response.status_mut() = StatusCode::NOT_FOUND,
//!     }
//!     Ok(response)
//! }
//!
//! # pollster::block_on(async {
//! # use hyper::header::{COOKIE, SET_COOKIE};
//! let sessions = Sessions::builder().build()?;
//! let response = handle(&sessions, Request::post("/login").body(())?).await?;
//! let (cookie, _) = response.headers()[SET_COOKIE].to_str()?.split_once(';').unwrap();
//! assert_eq!(sessions.sessions_of("iris").await?.len(), 1);
//!
//! let request = Request::post("/logout").header(COOKIE, cookie).body(())?;
//! let response = handle(&sessions, request).await?;
//! assert!(response.headers()[SET_COOKIE].to_str()?.contains("Max-Age=0"));
//! assert_eq!(sessions.sessions_of("iris").await?.len(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! A program with one manager can use the process-wide one: [`Sessions::global`] and the functions
//! in the module [`global`].
//!
//! # Signed-in visitors
//!
//! [`signed_in`] guards pages that only signed-in visitors see, and [`SignedInService`] wraps whole
//! services. Others are sent to the [`login_page`](sessions_core::SessionsBuilder::login_page), or
//! get 401 if they did not ask for a page. [`device`] returns the address and user agent of a
//! client.
//!
//! An unsafe request that another site sent with our cookie gets 403 when it asks for its session;
//! see [`CrossOrigin`].
//!
//! # Failures
//!
//! [`into_response`](SessionError::into_response) converts a [`SessionError`] into a response: the
//! client gets a bare status, and the error is logged with its sources. A commit that fails
//! replaces the handler's response in the same way, so a response never claims success for data
//! that was not saved. A response with status 5xx, 408 or 413 drops the request's writes but keeps
//! a `destroy` and a `renew`. A service that fails and a handler that panics keep only a
//! `destroy`: no response could send a new token.
//!
//! [`SessionError`] is what this crate's functions return, and becomes the response. The methods of
//! a session return core's [`Error`], which has an [`ErrorKind`]. In a
//! handler that returns a `SessionError`, `?` converts it; an error type of your own needs a `From`
//! for both.
//!
//! # Log
//!
//! This crate logs through `tracing` with the target `sessions_http`, the crate that it shares with
//! `sessions-axum`. Session events have the target `sessions_core`. Errors have the fields `kind`,
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
//!   [`save`](Session::save) for that.
//! - It wraps only hyper's own services. For a tower service use `sessions-axum`, which works
//!   without axum.

#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod gate;
mod service;

pub use gate::SignedInService;
pub use service::SessionService;

#[doc(no_inline)]
pub use sessions_core;
#[cfg(feature = "seal")]
pub use sessions_core::SealKey;
pub use sessions_core::adapter::SignedIn;
pub use sessions_core::{
    ConfigError, CrossOrigin, DestroyReason, Device, Error, ErrorKind, Event, Expiry, Key, LimitPolicy, Login,
    OutagePolicy, RejectReason, SameSite, Session, SessionId, SessionInfo, Sessions, SessionsBuilder, Timestamp,
    TrustedProxies, local_path,
};
pub use sessions_http::{RequestHead, ResponseFuture, SessionError, SessionsExt, device, global, session, signed_in};
