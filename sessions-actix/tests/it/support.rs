//! An app with sessions, and its visitor.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use actix_http::Request;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{App, Error};
use sessions_actix::sessions_core::Event;
use sessions_actix::{SessionMiddleware, Sessions};

pub(crate) fn sessions() -> Sessions {
    Sessions::builder().build().unwrap()
}

/// Serves `routes` with the middleware around them; handlers may have the manager as their data.
pub(crate) fn app<R: FnOnce(&mut ServiceConfig)>(sessions: &Sessions, routes: R) -> impl Serving + use<R> {
    let app = App::new().app_data(web::Data::new(sessions.clone()));
    init_service(app.wrap(SessionMiddleware::new(sessions.clone())).configure(routes))
}

/// Serves `routes` without the middleware.
pub(crate) fn bare_app<R: FnOnce(&mut ServiceConfig)>(sessions: &Sessions, routes: R) -> impl Serving + use<R> {
    init_service(App::new().app_data(web::Data::new(sessions.clone())).configure(routes))
}

/// An app that is being initialized.
pub(crate) trait Serving: Future<Output: Served> {}

impl<F: Future<Output: Served>> Serving for F {}

/// An app that answers requests.
pub(crate) trait Served: Service<Request, Response = ServiceResponse<Self::Body>, Error = Error> {
    type Body: MessageBody;
}

impl<S, B> Served for S
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Body = B;
}

/// A response as the client gets it.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn all(&self, name: HeaderName) -> Vec<&str> {
        self.headers.get_all(name).map(|value| value.to_str().unwrap()).collect()
    }

    /// Returns the one cookie with our name that the response sets, as a client sends it back.
    pub(crate) fn cookie(&self) -> Option<String> {
        let all = self.all(header::SET_COOKIE);
        let mut ours = all.iter().filter(|value| value.starts_with("__Host-id="));
        let cookie = ours.next()?.split_once(';').unwrap().0.to_owned();
        assert!(ours.next().is_none(), "two cookies of one name");
        Some(cookie)
    }

    /// Asserts that the response removes the cookie.
    pub(crate) fn assert_removes_cookie(&self) {
        assert_eq!(self.cookie().as_deref(), Some("__Host-id="));
        assert!(self.all(header::SET_COOKIE)[0].contains("Max-Age=0"));
    }

    /// Asserts that the response is a bare status that must not be cached.
    pub(crate) fn assert_is_bare(&self, status: u16) {
        assert_eq!(self.status, status);
        assert_eq!(self.all(header::CACHE_CONTROL), ["no-store"]);
        assert_eq!(self.all(header::SET_COOKIE), [""; 0]);
        assert_eq!(self.body, "");
    }
}

/// Requests a path with the given cookie.
pub(crate) async fn get(app: &impl Served, path: &str, cookie: &str) -> Answer {
    ask(app, TestRequest::with_uri(path).insert_header((header::COOKIE, cookie))).await
}

/// Sends a request, and turns an `Err` into a response like actix-web's dispatcher.
pub(crate) async fn ask(app: &impl Served, request: TestRequest) -> Answer {
    match app.call(request.to_request()).await {
        Ok(response) => answer(response.into_parts().1).await,
        Err(error) => answer(error.error_response()).await,
    }
}

async fn answer<B: MessageBody>(response: actix_web::HttpResponse<B>) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("the body can be read"));
    Answer { status, headers, body }
}

/// Awaits a future that panics, and returns the panic's message.
pub(crate) async fn panic_of<T>(future: impl Future<Output = T>) -> &'static str {
    let Err(panic) = caught(future).await else { panic!("it panics") };
    *panic.downcast::<&str>().unwrap()
}

/// Awaits a future that may panic.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> std::thread::Result<T> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// Records the events of a manager.
pub(crate) fn listen(sessions: &Sessions) -> Arc<Mutex<Vec<Event>>> {
    let events = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&events);
    sessions.on_event(move |event| listener.lock().unwrap().push(event.clone()));
    events
}
