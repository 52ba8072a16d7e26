//! The session extractor.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::Pin;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use sessions_core::ErrorKind;

use crate::error::SessionError;

/// An extractor of the request's session, within a [`SessionLayer`](crate::SessionLayer).
///
/// It dereferences to core's [`Session`](sessions_core::Session), which documents what a session
/// can do. The first extractor of a request loads the session; all of them share it.
///
/// On a route without a layer, the request fails with 500 and the reason is logged. If the store
/// cannot be reached, it fails with 503: the visitor must not be treated as signed out.
///
/// An `Option<Session>` is `None` only on a route without a layer, for handlers that serve both
/// kinds of route. If the store cannot be reached, it still fails with 503. A handler that handles
/// failures itself takes a `Result<Session, SessionError>`.
///
/// ```
/// use axum::Router;
/// use axum::routing::{get, post};
/// use sessions_axum::{Session, SessionError, SessionLayer, Sessions};
///
/// async fn greet(session: Option<Session>) -> String {
///     let name = session.and_then(|session| session.principal());
///     format!("hello, {}", name.unwrap_or_else(|| "stranger".to_owned()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Sessions::builder().build()?;
/// let app: Router = Router::new()
///     .route("/in", post(async |session: Session| Ok::<_, SessionError>(session.login("iris")?)))
///     .route("/", get(greet))
///     .layer(SessionLayer::new(sessions))
///     .route("/without", get(greet));
/// # use axum::body::{Body, to_bytes};
/// # use axum::http::{Request, header::{COOKIE, SET_COOKIE}};
/// # use tower::ServiceExt;
/// # let response = app.clone().oneshot(Request::post("/in").body(Body::empty())?).await?;
/// # let (cookie, _) = response.headers()[SET_COOKIE].to_str()?.split_once(';').unwrap();
/// # let cookie = cookie.to_owned();
/// # let get = async |path| {
/// #     let request = Request::get(path).header(COOKIE, &cookie).body(Body::empty())?;
/// #     Ok::<_, Box<dyn std::error::Error>>(to_bytes(app.clone().oneshot(request).await?.into_body(), 1024).await?)
/// # };
///
/// // With the cookie that `/in` has set:
/// assert_eq!(get("/").await?, "hello, iris");
/// assert_eq!(get("/without").await?, "hello, stranger");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Session(sessions_core::Session);

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = SessionError;

    fn from_request_parts(parts: &mut Parts, _state: &S) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        let mut load = sessions_http::session(parts);
        poll_fn(move |context| Pin::new(&mut load).poll(context).map(|loaded| Ok(Self(loaded?))))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = SessionError;

    fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> impl Future<Output = Result<Option<Self>, Self::Rejection>> + Send {
        let mut load = sessions_http::session(parts);
        poll_fn(move |context| {
            Pin::new(&mut load).poll(context).map(|loaded| match loaded {
                Ok(session) => Ok(Some(Self(session))),
                Err(error) if error.kind() == ErrorKind::NoMiddleware => Ok(None),
                Err(error) => Err(error.into()),
            })
        })
    }
}

impl Deref for Session {
    type Target = sessions_core::Session;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<sessions_core::Session> for Session {
    fn from(session: sessions_core::Session) -> Self {
        Self(session)
    }
}

impl From<Session> for sessions_core::Session {
    fn from(session: Session) -> Self {
        session.0
    }
}
