//! Routes for signed-in visitors only.

use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::{Error, FromRequest, HttpRequest};
use sessions_core::ErrorKind;
use sessions_core::adapter::{self, Admission, Gate};

use crate::error::SessionError;
use crate::exchanges::load;
use crate::extract::{Extraction, Session};
use crate::request::Head;

/// An extractor of the session of a signed-in visitor.
///
/// It dereferences to [`Session`]. A visitor who is not signed in does not reach the handler: a
/// browser that asks for a page, or posts a form, is sent to the
/// [`login_page`](crate::sessions_core::SessionsBuilder::login_page) with 303, htmx by
/// `HX-Redirect`, and everything else gets a bare 401. If the store cannot be reached, the response
/// is a 503.
///
/// A handler that serves strangers too takes an [`OptionalSignedIn`]. Do not take an
/// `Option<SignedIn>`, which is also `None` while the store is down; see
/// [`Session`](crate::Session).
///
/// ```
/// use actix_web::{App, web};
/// use sessions_actix::{SessionMiddleware, Sessions, SignedIn};
///
/// async fn orders(user: SignedIn) -> String {
///     format!("the orders of {}", user.principal())
/// }
///
/// # use actix_web::test::{TestRequest, call_service, init_service};
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Sessions::builder().login_page("/login").build()?;
/// let app = App::new().wrap(SessionMiddleware::new(sessions)).route("/orders", web::get().to(orders));
///
/// // A browser that asks for the page:
/// let app = init_service(app).await;
/// let request = TestRequest::with_uri("/orders?page=2").insert_header(("accept", "text/html")).to_request();
/// let response = call_service(&app, request).await;
/// assert_eq!(response.status(), 303);
/// assert_eq!(response.headers().get("location").unwrap(), "/login?next=/orders%3Fpage%3D2");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "Identity")]
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
    /// use sessions_actix::{SessionError, SignedIn};
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

impl FromRequest for SignedIn {
    type Error = SessionError;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extraction::of_signed_in(admit(request, None), |admitted| Ok(Self::of(admitted?)))
    }
}

/// Loads the session of a request and admits its visitor.
fn admit(request: &HttpRequest, within: Option<Duration>) -> Admission {
    Gate::of(&Head(request)).within(within).admit_loaded(load(request))
}

/// An extractor of a signed-in visitor's session, or of `None` if nobody is signed in.
///
/// Unlike an `Option<SignedIn>`, it fails like [`SignedIn`] if the store cannot be reached.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart in their arguments")]
pub struct OptionalSignedIn(pub Option<SignedIn>);

impl FromRequest for OptionalSignedIn {
    type Error = SessionError;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        Extraction::of_signed_in(admit(request, None), |admitted| match admitted {
            Err(error) if error.kind() == ErrorKind::NotSignedIn => Ok(Self(None)),
            admitted => Ok(Self(Some(SignedIn::of(admitted?)))),
        })
    }
}

/// A middleware around routes that only signed-in visitors reach; see [`SignedIn`].
///
/// Wrap the app in a [`SessionMiddleware`](crate::SessionMiddleware) outside it, and leave the
/// login page out. Everybody else gets a response, not an `Err`, so that `Logger`, `ErrorHandlers`
/// and other middleware around it handle it like those of handlers.
///
/// ```
/// use actix_web::{App, web};
/// use sessions_actix::{SessionMiddleware, Sessions, SignedInMiddleware};
///
/// # use actix_web::test::{TestRequest, call_service, init_service};
/// # #[actix_web::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Sessions::builder().login_page("/login").build()?;
/// let orders = web::get().to(async || "orders");
/// let app = App::new()
///     .service(web::scope("/account").wrap(SignedInMiddleware::new()).route("/orders", orders))
///     .route("/login", web::get().to(async || "who are you?"))
///     .wrap(SessionMiddleware::new(sessions));
///
/// let app = init_service(app).await;
/// let request = TestRequest::with_uri("/account/orders").insert_header(("accept", "text/html")).to_request();
/// let denied = call_service(&app, request).await;
/// assert_eq!(denied.headers().get("location").unwrap(), "/login?next=/account/orders");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SignedInMiddleware {
    within: Option<Duration>,
}

impl SignedInMiddleware {
    /// Creates the middleware.
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

impl<S, B> Transform<S, ServiceRequest> for SignedInMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = SignedInService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(SignedInService { service: Rc::new(service), within: self.within }))
    }
}

/// The service that [`SignedInMiddleware`] produces.
#[derive(Debug)]
pub struct SignedInService<S> {
    service: Rc<S>,
    within: Option<Duration>,
}

impl<S, B> Service<ServiceRequest> for SignedInService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (admitted, service) = (admit(request.request(), self.within), Rc::clone(&self.service));
        Box::pin(async move {
            // The user is not held while the handler runs: the session would outlive the request.
            match admitted.await.map(drop) {
                Ok(()) => service.call(request).await.map(ServiceResponse::map_into_left_body),
                Err(error) => Ok(request.error_response(SessionError::from(error)).map_into_right_body()),
            }
        })
    }
}
