//! Routes for signed-in visitors only.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::OriginalUri;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use http::{Request, Response};
use sessions_core::{ErrorKind, adapter};
use sessions_http::RequestHead;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::SessionError;
use crate::extract::Session;

/// An extractor of the session of a signed-in visitor.
///
/// It dereferences to [`Session`]. A visitor who is not signed in does not reach the handler: a
/// browser that asks for a page, or posts a form, is sent to the
/// [`login_page`](crate::sessions_core::SessionsBuilder::login_page) with 303, htmx by
/// `HX-Redirect`, and everything else gets a bare 401. If the store cannot be reached, the response
/// is a 503.
///
/// `Option<SignedIn>` is `None` if nobody is signed in. Other failures are rejected as for
/// `SignedIn`.
///
/// ```
/// use axum::{Router, routing::get};
/// use sessions_axum::{SessionLayer, Sessions, SignedIn};
///
/// async fn orders(user: SignedIn) -> String {
///     format!("the orders of {}", user.principal())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Sessions::builder().login_page("/login").build()?;
/// let app: Router = Router::new().route("/orders", get(orders)).layer(SessionLayer::new(sessions));
/// # use axum::body::Body;
/// # use axum::http::Request;
/// # use tower::ServiceExt;
///
/// // A browser that asks for the page:
/// let request = Request::get("/orders?page=2").header("accept", "text/html").body(Body::empty())?;
/// let response = app.oneshot(request).await?;
/// assert_eq!(response.status(), 303);
/// assert_eq!(response.headers()["location"], "/login?next=/orders%3Fpage%3D2");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "AuthSession")]
#[derive(Clone, Debug)]
pub struct SignedIn {
    user: adapter::SignedIn,
    /// The user's session in this crate's type, for helpers that take that.
    session: Session,
}

impl SignedIn {
    fn of(user: adapter::SignedIn) -> Self {
        Self { session: user.session().clone().into(), user }
    }

    /// Returns who is signed in.
    #[must_use]
    pub fn principal(&self) -> &str {
        self.user.principal()
    }

    /// Returns the session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Checks that the visitor proved who they are less than `time` ago.
    ///
    /// For what needs more than a session, such as changing a password. A handler returns the error
    /// with `?`:
    ///
    /// ```
    /// use std::time::Duration;
    /// use sessions_axum::{SessionError, SignedIn};
    ///
    /// async fn change_password(user: SignedIn) -> Result<&'static str, SessionError> {
    ///     user.within(Duration::from_secs(10 * 60))?;
    ///     Ok("changed")
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`ConfirmationRequired`](ErrorKind::ConfirmationRequired). Its response sends a
    /// browser that asks for a page, or posts a form, to the
    /// [`confirm_page`](crate::sessions_core::SessionsBuilder::confirm_page) with 303, htmx by
    /// `HX-Redirect`, and is a bare 401 otherwise.
    pub fn within(&self, time: Duration) -> Result<(), SessionError> {
        Ok(self.user.within(time)?)
    }
}

impl Deref for SignedIn {
    type Target = Session;

    fn deref(&self) -> &Self::Target {
        &self.session
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = SessionError;

    fn from_request_parts(parts: &mut Parts, _state: &S) -> impl Future<Output = Result<Self, Self::Rejection>> + Send {
        let admitted = admit(parts, None);
        async { Ok(Self::of(admitted.await?)) }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for SignedIn {
    type Rejection = SessionError;

    fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> impl Future<Output = Result<Option<Self>, Self::Rejection>> + Send {
        let admitted = admit(parts, None);
        async {
            match admitted.await {
                Err(error) if error.kind() == ErrorKind::NotSignedIn => Ok(None),
                admitted => Ok(Some(Self::of(admitted?))),
            }
        }
    }
}

/// Admits the visitor of a request that `Router::nest` may have changed.
fn admit<R: RequestHead>(
    request: &R,
    within: Option<Duration>,
) -> impl Future<Output = Result<adapter::SignedIn, sessions_http::SessionError>> + Send + Unpin + use<R> {
    let original = request.extensions().get::<OriginalUri>().map_or(request.uri(), |OriginalUri(uri)| uri);
    sessions_http::signed_in_from(request, original, within)
}

/// A layer around routes that only signed-in visitors reach; see [`SignedIn`].
///
/// Place it inside the [`SessionLayer`](crate::SessionLayer), and not around the login page.
///
/// ```
/// use axum::{Router, routing::get};
/// use sessions_axum::{SessionLayer, Sessions, SignedInLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let account = Router::new().route("/orders", get(async || "orders")).route("/address", get(async || "address"));
/// let app: Router = Router::new()
///     .nest("/account", account.route_layer(SignedInLayer::new()))
///     .route("/login", get(async || "who are you?"))
///     .layer(SessionLayer::new(Sessions::builder().login_page("/login").build()?));
/// # use axum::body::Body;
/// # use axum::http::Request;
/// # use tower::ServiceExt;
///
/// let request = Request::get("/account/orders").header("accept", "text/html").body(Body::empty())?;
/// let response = app.oneshot(request).await?;
/// assert_eq!(response.headers()["location"], "/login?next=/account/orders");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "login_required")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SignedInLayer {
    within: Option<Duration>,
}

impl SignedInLayer {
    /// Creates a layer.
    #[must_use]
    pub const fn new() -> Self {
        Self { within: None }
    }

    /// Admits only visitors who proved who they are less than `time` ago; see
    /// [`SignedIn::within`].
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }
}

impl<S> Layer<S> for SignedInLayer {
    type Service = SignedInService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SignedInService { inner, within: self.within }
    }
}

/// The service that [`SignedInLayer`] produces.
#[derive(Clone, Copy, Debug)]
pub struct SignedInService<S> {
    inner: S,
    within: Option<Duration>,
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for SignedInService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send,
    RequestBody: Send + 'static,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let admitted = admit(&request, self.within);
        // The service that was polled ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            // The user is not held while the handler runs: the session would outlive the request.
            match admitted.await.map(drop) {
                Ok(()) => inner.call(request).await,
                Err(error) => Ok(error.into_response()),
            }
        })
    }
}
