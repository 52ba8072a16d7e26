//! What the routes of the demos do, in every framework.
//!
//! Each route that changes something also answers a `GET`. In go-sessions' examples and tests,
//! which `classic` and `flows` are taken from, all of them do; the scenarios in `tests/` follow the
//! same links in every framework, and people try them in a browser. **Do not copy that.** A link or
//! an image on another site makes a browser send such a `GET` with our cookie, and
//! [`CrossOrigin`](sessions_core::CrossOrigin) refuses no `GET`, since it cannot tell it from a
//! visit. The page's own forms post, and so does every other example.

mod classic;
mod devices;
mod flashes;
mod flows;
mod forms;
mod page;
mod visits;
mod writes;

pub use visits::Visits;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use sessions_core::{Device, Error, Session};

/// The longest pause that a request can ask for.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// A function that waits in the framework's own way.
pub type Wait = fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// A request, as the routes see it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    body: &'a [u8],
    device: Option<&'a Device>,
}

/// A response, without cookies, which the adapter adds.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The content type.
    pub content_type: &'static str,
    /// More headers, with names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
}

/// The body of a response.
#[derive(Debug)]
pub enum Body {
    /// A text that is sent as a whole.
    Text(String),
    /// Events that are sent as they happen.
    Visits(Visits),
}

impl<'a> Request<'a> {
    /// Creates a request from its method (in upper case), path, query (without the question mark)
    /// and body.
    #[must_use]
    pub const fn new(method: &'a str, path: &'a str, query: &'a str, body: &'a [u8]) -> Self {
        Self { method, path, query, body, device: None }
    }

    /// Adds the device that sent the request.
    #[must_use]
    pub const fn from_device(mut self, device: &'a Device) -> Self {
        self.device = Some(device);
        self
    }

    /// Returns a decoded parameter, from the body of a POST or else from the query.
    fn parameter(&self, name: &str) -> Option<String> {
        let form = if self.method == "POST" { self.body } else { self.query.as_bytes() };
        form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| Cow::into_owned(value))
    }

    /// Returns a parameter such as `30d`, if it is a duration.
    fn duration(&self, name: &str) -> Option<Duration> {
        self.parameter(name).and_then(|text| humantime::parse_duration(&text).ok())
    }

    fn key(&self) -> String {
        self.parameter("k").unwrap_or_default()
    }

    /// Waits for the milliseconds in the parameter `ms`, at most for a minute.
    async fn pause(&self, wait: Wait) {
        let millis = self.parameter("ms").and_then(|text| text.parse().ok()).unwrap_or(0_u64);
        if millis > 0 {
            wait(Duration::from_millis(millis).min(MAX_PAUSE)).await;
        }
    }
}

impl Reply {
    fn new(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: Body::Text(body.into()) }
    }

    fn text(body: impl Into<String>) -> Self {
        Self::new(200, "text/plain; charset=utf-8", body)
    }

    fn html(body: String) -> Self {
        Self::new(200, "text/html; charset=utf-8", body)
    }

    fn json(value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self::new(200, "application/json", body),
            Err(_) => Self::status(500),
        }
    }

    /// Creates a reply with a token, which no cache may keep.
    fn token(token: &str) -> Self {
        let headers = vec![("cache-control", "no-store".to_owned())];
        Self { headers, ..Self::json(&BTreeMap::from([("token", token)])) }
    }

    /// Creates a reply without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::refusal(status, "")
    }

    /// Creates a reply that sends the browser to another page of this site.
    fn see_other(path: &str) -> Self {
        Self { headers: vec![("location", path.to_owned())], ..Self::status(303) }
    }

    /// Creates a reply with the reason why a request is refused.
    fn refusal(status: u16, reason: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", reason)
    }
}

/// Answers a request to `/plain`, which does not touch the session.
#[must_use]
pub fn answer_without_session(request: Request<'_>) -> Reply {
    match request.method {
        "OPTIONS" => Reply::status(204),
        "GET" | "HEAD" => Reply::text("ok"),
        _ => Reply::status(405),
    }
}

/// Answers a request to `/private` or `/fresh`, which only signed-in visitors reach.
#[must_use]
pub fn answer_signed_in(principal: &str) -> Reply {
    Reply::text(principal)
}

/// Returns how long ago a visitor of `/fresh?within=10s` may have signed in.
#[must_use]
pub fn freshness(query: &str) -> Duration {
    Request::new("GET", "/fresh", query, b"").duration("within").unwrap_or(Duration::from_secs(600))
}

/// Answers a request to any other route.
///
/// # Errors
///
/// Returns an error of the session, which the framework turns into a response.
pub async fn answer(request: Request<'_>, session: &Session, wait: Wait) -> Result<Reply, Error> {
    match request.method {
        "OPTIONS" => Ok(Reply::status(204)),
        "GET" | "HEAD" => match look(request, session, wait).await? {
            Some(reply) => Ok(reply),
            // For trying it by hand, and for tests; an application answers 405.
            None => {
                let reply = change(request, session, wait).await?;
                Ok(reply.unwrap_or_else(|| Reply::refusal(404, "not found; / lists the routes")))
            }
        },
        "POST" => match change(request, session, wait).await? {
            Some(reply) => forms::end(request, session, reply),
            None => Ok(Reply::status(405)),
        },
        _ => Ok(Reply::status(405)),
    }
}

/// Answers a request that only looks at the session, though a look consumes flashes.
async fn look(request: Request<'_>, session: &Session, wait: Wait) -> Result<Option<Reply>, Error> {
    Ok(Some(match request.path {
        "/" => page::show(request, session).await?,
        "/get" => classic::get(session),
        "/get_immutable" => classic::get_immutable(session)?,
        "/get/" => flows::get(session)?,
        "/visits" => visits::show(request, session, wait),
        "/flash/get" => flashes::get(request, session, wait).await,
        "/flash/peek" => flashes::peek(request, session)?,
        "/flash/all" => flashes::all(session)?,
        "/whoami" => devices::whoami(session),
        "/sessions" => devices::list(session).await?,
        _ => return Ok(None),
    }))
}

/// Answers a request that changes something.
async fn change(request: Request<'_>, session: &Session, wait: Wait) -> Result<Option<Reply>, Error> {
    Ok(Some(match request.path {
        "/set" => classic::set(session)?,
        "/delete" => classic::delete(session),
        "/clear" => classic::clear(session),
        "/update" => classic::update(session)?,
        "/expire" => classic::expire(request, session)?,
        "/destroy" => classic::destroy(session),
        "/set_immutable" => classic::set_immutable(session)?,
        "/set/" if request.method == "POST" => flows::set(request, session)?,
        "/clear/" => flows::clear(session)?,
        "/destroy/" => flows::destroy(session)?,
        "/destroyall/" => flows::destroy_all(session).await?,
        "/put" => writes::put(request, session, wait).await?,
        "/incr" => writes::increment(request, session)?,
        "/fail" => writes::fail(session)?,
        "/panic" => writes::panic(session)?,
        "/flash/set" => flashes::set(request, session)?,
        "/flash/clear" => flashes::clear(session),
        "/login" => devices::login(request, session).await?,
        "/api/login" => devices::login_without_cookie(request, session).await?,
        "/confirm" => devices::confirm(session).await?,
        "/logout" => devices::logout(request, session, wait).await,
        "/logout_device" => devices::logout_device(request, session).await?,
        "/logout_others" => devices::logout_others(session).await?,
        _ => return Ok(None),
    }))
}
