//! The application on a database of its own, and browsers that keep its cookie.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, REFERER, SET_COOKIE, USER_AGENT};
use axum::http::{Request, StatusCode, request};
use form_urlencoded::Serializer;
use members_axum::{App, Settings, connect, router, sessions};
use sessions_axum::Sessions;
use sessions_axum::sessions_core::testing::ManualClock;
use sqlx::PgPool;
use tower::ServiceExt;

use crate::support::database;
use crate::support::provider::Provider;

/// The origin of the application, which these tests reach without a socket.
const ORIGIN: &str = "http://members.example";

/// The password of every member.
pub(crate) const PASSWORD: &str = "open sesame";

/// The application.
pub(crate) struct Site {
    router: Router,
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) provider: Provider,
    pub(crate) database: PgPool,
}

impl Site {
    /// Starts the application.
    ///
    /// If Postgres is missing, reports the test as skipped and returns `None`.
    pub(crate) async fn start() -> Option<Self> {
        let (database, store) = connect(&database()?).await.unwrap();
        let provider = Provider::start().await;
        let mut settings = Settings::default();
        settings.oauth = Some(provider.as_oauth(ORIGIN));
        let clock = Arc::new(ManualClock::default());
        let sessions = sessions(store).clock(Arc::clone(&clock)).sweep_every(None).build().unwrap();
        let router = router(App::new(database.clone(), settings).unwrap(), sessions.clone());
        Some(Self { router, sessions, clock, provider, database })
    }

    /// Returns a browser without cookies.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { site: self, cookie: None, agent: "tests/1" }
    }

    /// Returns a browser in which a new member has just signed up.
    pub(crate) async fn member(&self, name: &str) -> Browser<'_> {
        let mut browser = self.browser();
        let page = browser.post("/sign-up", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!(page.location(), "/account", "{page:?}");
        browser
    }

    async fn send(&self, request: Request<Body>) -> Page {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, location, set_cookie) = (response.status(), header(LOCATION), header(SET_COOKIE));
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Page { status, location, set_cookie, text: String::from_utf8(body.to_vec()).unwrap() }
    }
}

/// A browser, which shows pages and keeps one cookie.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    site: &'a Site,
    pub(crate) cookie: Option<String>,
    agent: &'static str,
}

impl<'a> Browser<'a> {
    pub(crate) fn named(self, agent: &'static str) -> Self {
        Self { agent, ..self }
    }

    /// Opens a page as by its address.
    pub(crate) async fn get(&mut self, target: &str) -> Page {
        self.visit(Request::get(target), Body::empty()).await
    }

    /// Posts a form of the site's own.
    pub(crate) async fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Page {
        self.post_from("same-origin", target, fields).await
    }

    /// Posts a form of a page elsewhere.
    pub(crate) async fn post_from(&mut self, site: &str, target: &str, fields: &[(&str, &str)]) -> Page {
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        // Most forms have no `action`, and post to the address of their page.
        let request = Request::post(target)
            .header(HOST, "members.example")
            .header(REFERER, format!("{ORIGIN}{target}"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", site);
        self.visit(request, Body::from(form)).await
    }

    /// Signs in with the password of every member.
    pub(crate) async fn login(&mut self, name: &str) -> Page {
        self.post("/login", &[("name", name), ("password", PASSWORD)]).await
    }

    /// Returns whether a member is signed in.
    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.get("/account").await.status == StatusCode::OK
    }

    async fn visit(&mut self, mut request: request::Builder, body: Body) -> Page {
        request = request.header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        request = request.header(USER_AGENT, self.agent);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let page = self.site.send(request.body(body).unwrap()).await;
        if let Some(set_cookie) = &page.set_cookie {
            let is_removed = set_cookie.contains("; Max-Age=0");
            let cookie = set_cookie.split(';').next().unwrap_or_default();
            self.cookie = (!is_removed).then(|| cookie.to_owned());
        }
        page
    }
}

/// An answer of the application.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    location: Option<String>,
    set_cookie: Option<String>,
    pub(crate) text: String,
}

impl Page {
    /// Returns where a redirect leads, or nothing if there is none.
    pub(crate) fn location(&self) -> &str {
        match &self.location {
            Some(location) if self.status == StatusCode::SEE_OTHER => location,
            _ => "",
        }
    }

    /// Returns whether the answer sets a cookie that outlives the browser.
    pub(crate) fn sets_lasting_cookie(&self) -> bool {
        self.set_cookie.as_ref().is_some_and(|cookie| cookie.contains("; Max-Age=2592000"))
    }

    /// Returns whether the answer has a text.
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}
