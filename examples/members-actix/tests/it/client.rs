//! The application on a Redis of its own, and browsers that keep its cookie.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, REFERER, SET_COOKIE, USER_AGENT};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use form_urlencoded::Serializer;
use members_actix::{AppState, app, connect, sessions};
use sessions_actix::sessions_core::testing::ManualClock;
use sessions_actix::{Sessions, TrustedProxies};
use test_servers::Server;

use crate::support::redis;

/// The password of every member.
pub(crate) const PASSWORD: &str = "open sesame";

/// The application's service, whose type has no name.
type Service = dyn Fn(TestRequest) -> Pin<Box<dyn Future<Output = Page>>>;

/// The application.
pub(crate) struct Site {
    service: Box<Service>,
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) redis: Server,
}

impl Site {
    /// Starts the application.
    ///
    /// If Redis is missing, reports the test as skipped and returns `None`.
    pub(crate) async fn start() -> Option<Self> {
        let redis = redis()?;
        let (database, store) = connect(&redis.url()).await.unwrap();
        let clock = Arc::new(ManualClock::default());
        let sessions = sessions(store).clock(Arc::clone(&clock)).build().unwrap();
        let proxies = TrustedProxies::new(["10.0.0.1"]).unwrap();
        let state = Data::new(AppState::new(database, proxies).unwrap());
        let service = Rc::new(init_service(app(state, sessions.clone())).await);
        let service = Box::new(move |request: TestRequest| -> Pin<Box<dyn Future<Output = Page>>> {
            let service = Rc::clone(&service);
            Box::pin(async move { Page::of(call_service(&*service, request.to_request()).await).await })
        });
        Some(Self { service, sessions, clock, redis })
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
        self.visit(TestRequest::get().uri(target)).await
    }

    /// Posts a form of the site's own.
    pub(crate) async fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Page {
        self.post_from("same-origin", target, fields).await
    }

    /// Posts a form of a page elsewhere.
    pub(crate) async fn post_from(&mut self, site: &str, target: &str, fields: &[(&str, &str)]) -> Page {
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        // Most forms have no `action`, and post to the address of their page.
        let request = TestRequest::post()
            .uri(target)
            .insert_header((HOST, "members.example"))
            .insert_header((REFERER, format!("http://members.example{target}")))
            .insert_header((CONTENT_TYPE, "application/x-www-form-urlencoded"))
            .insert_header(("sec-fetch-site", site))
            .set_payload(form);
        self.visit(request).await
    }

    /// Signs in with the password of every member.
    pub(crate) async fn login(&mut self, name: &str) -> Page {
        self.post("/login", &[("name", name), ("password", PASSWORD)]).await
    }

    /// Returns whether a member is signed in.
    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.get("/account").await.status == StatusCode::OK
    }

    /// Sends a request, by way of the trusted proxy.
    async fn visit(&mut self, mut request: TestRequest) -> Page {
        request = request.insert_header(("sec-fetch-mode", "navigate")).insert_header(("sec-fetch-dest", "document"));
        request = request.insert_header((USER_AGENT, self.agent)).insert_header(("x-forwarded-for", "192.0.2.7"));
        request = request.peer_addr(([10, 0, 0, 1], 4711).into());
        if let Some(cookie) = &self.cookie {
            request = request.insert_header((COOKIE, cookie.as_str()));
        }
        let page = (self.site.service)(request).await;
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
    async fn of(response: ServiceResponse<impl MessageBody>) -> Self {
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, location, set_cookie) = (response.status(), header(LOCATION), header(SET_COOKIE));
        let body = to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("a page has a whole body"));
        Self { status, location, set_cookie, text: String::from_utf8(body.to_vec()).unwrap() }
    }

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
