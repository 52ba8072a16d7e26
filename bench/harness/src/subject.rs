//! The interface of a subject.

use std::hint::black_box;

use crate::route::Route;

/// Cookie for subjects without sessions, as long as ours, so that parsing costs the same.
const NO_SESSION: &str = "__Host-id=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// An application with the routes, called without a socket.
#[expect(async_fn_in_trait, reason = "nobody needs the future to be Send")]
pub trait Subject {
    /// The framework's response.
    type Response;

    /// Requests a page.
    async fn get(&mut self, path: &str, cookie: Option<&str>) -> Self::Response;

    /// Returns the response's status.
    fn status(response: &Self::Response) -> u16;

    /// Returns the parts of a response that a test checks.
    async fn read(response: Self::Response) -> Answer;

    /// Requests the same page many times.
    async fn burst(&mut self, path: &str, cookie: Option<&str>, times: u64) {
        for _ in 0..times {
            let response = black_box(self.get(path, cookie).await);
            assert_eq!(Self::status(&response), 200, "{path}");
        }
    }
}

/// The parts of a response that a test checks.
#[derive(Debug)]
pub struct Answer {
    /// Value of a `Cookie` header that sends the response's cookies back, empty without cookies.
    pub cookie: String,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Creates an answer from the `Set-Cookie` headers and the body.
    pub fn new<'a>(set_cookies: impl Iterator<Item = &'a [u8]>, body: &[u8]) -> Self {
        let pairs = set_cookies.map(|field| field.split(|byte| *byte == b';').next().unwrap_or_default());
        let pairs: Vec<_> = pairs.map(String::from_utf8_lossy).filter(|pair| !pair.ends_with('=')).collect();
        Self { cookie: pairs.join("; "), text: String::from_utf8_lossy(body).into_owned() }
    }
}

/// An action on a subject of any type.
#[expect(async_fn_in_trait, reason = "nobody needs the future to be Send")]
pub trait Visitor {
    /// Acts on the subject.
    async fn visit<S: Subject>(self, name: &str, subject: S);
}

/// Signs in, checks the subject's routes, and returns a session's cookie.
pub(crate) async fn sign_in<S: Subject>(name: &str, subject: &mut S) -> String {
    let is_bare = name.ends_with("-bare");
    let signed_in = ask(subject, Route::Login, None).await;
    assert_eq!(signed_in.text, "ok", "{name} /login");
    assert_eq!(signed_in.cookie.is_empty(), is_bare, "{name} sets a cookie if it has sessions");
    let cookie = if is_bare { NO_SESSION.to_owned() } else { signed_in.cookie };
    for route in [Route::Plain, Route::PlainNoCookie] {
        assert_eq!(ask(subject, route, Some(&cookie)).await.text, "ok", "{name} {}", route.name());
    }
    let written = ask(subject, Route::Write, Some(&cookie)).await;
    // A session that is stored in its cookie has a new cookie now.
    let latest = if written.cookie.is_empty() { &cookie } else { &written.cookie };
    let read = ask(subject, Route::Read, Some(latest)).await;
    let expected = if is_bare { ("1", "ann 1") } else { ("2", "ann 2") };
    assert_eq!((&*written.text, &*read.text), expected, "{name} /write and /read");
    cookie
}

async fn ask<S: Subject>(subject: &mut S, route: Route, cookie: Option<&str>) -> Answer {
    let response = subject.get(route.path(), cookie.and_then(|cookie| route.cookie(cookie))).await;
    assert_eq!(S::status(&response), 200, "{}", route.name());
    S::read(response).await
}
