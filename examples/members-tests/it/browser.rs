//! Browsers that keep the application's cookie, and the pages that they get.

use form_urlencoded::Serializer;

use crate::site::Site;

/// The password of every member.
pub(crate) const PASSWORD: &str = "open sesame";

/// The origin of the application, which these tests reach without a socket.
pub(crate) const ORIGIN: &str = "http://members.example";

/// A request that a browser sends by way of the proxy 10.0.0.1, which the application trusts.
pub(crate) struct Request {
    pub(crate) is_post: bool,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) form: String,
}

/// A browser, which shows pages and keeps one cookie.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    site: &'a Site,
    pub(crate) cookie: Option<String>,
    agent: &'static str,
}

impl Site {
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

impl Browser<'_> {
    pub(crate) fn named(self, agent: &'static str) -> Self {
        Self { agent, ..self }
    }

    /// Opens a page as by its address.
    pub(crate) async fn get(&mut self, target: &str) -> Page {
        self.visit(Request { is_post: false, target: target.to_owned(), headers: Vec::new(), form: String::new() })
            .await
    }

    /// Posts a form of the site's own.
    pub(crate) async fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Page {
        self.post_from("same-origin", target, fields).await
    }

    /// Posts a form of a page elsewhere.
    pub(crate) async fn post_from(&mut self, site: &str, target: &str, fields: &[(&str, &str)]) -> Page {
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = vec![
            // Most forms have no `action`, and post to the address of their page.
            ("referer", format!("{ORIGIN}{target}")),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("sec-fetch-site", site.to_owned()),
        ];
        self.visit(Request { is_post: true, target: target.to_owned(), headers, form }).await
    }

    /// Signs in with the password of every member.
    pub(crate) async fn login(&mut self, name: &str) -> Page {
        self.post("/login", &[("name", name), ("password", PASSWORD)]).await
    }

    /// Returns whether a member is signed in.
    pub(crate) async fn is_signed_in(&mut self) -> bool {
        self.get("/account").await.status == 200
    }

    async fn visit(&mut self, mut request: Request) -> Page {
        request.headers.extend([
            ("host", "members.example".to_owned()),
            ("sec-fetch-mode", "navigate".to_owned()),
            ("sec-fetch-dest", "document".to_owned()),
            ("user-agent", self.agent.to_owned()),
            ("x-forwarded-for", "192.0.2.7".to_owned()),
        ]);
        request.headers.extend(self.cookie.clone().map(|cookie| ("cookie", cookie)));
        let page = self.site.send(request).await;
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
    pub(crate) status: u16,
    location: Option<String>,
    set_cookie: Option<String>,
    pub(crate) text: String,
}

impl Page {
    /// Creates an answer from its status, its body and a function that finds its headers.
    pub(crate) fn new(status: u16, body: &[u8], header: impl Fn(&str) -> Option<String>) -> Self {
        let text = String::from_utf8(body.to_vec()).unwrap();
        Self { status, location: header("location"), set_cookie: header("set-cookie"), text }
    }

    /// Returns where a redirect leads, or nothing if there is none.
    pub(crate) fn location(&self) -> &str {
        match &self.location {
            Some(location) if self.status == 303 => location,
            _ => "",
        }
    }

    /// Returns whether the answer sets a cookie that outlives the browser by a month.
    pub(crate) fn sets_lasting_cookie(&self) -> bool {
        // Some of the first second may have passed.
        self.set_cookie.as_ref().is_some_and(|cookie| cookie.contains("; Max-Age=259"))
    }

    /// Returns whether the answer has a text.
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}
