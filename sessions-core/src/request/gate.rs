//! The answer to a request whose visitor is not admitted.

use std::time::Duration;

use super::cross_origin::is_of_host;
use super::headers::{RequestHeader, RequestHeaders};
use super::next::{local_path, next_of, with_next};
use crate::error::{ConfigError, ConfigErrorKind, Error, ErrorKind, Redirect};

/// The response to a visitor who is not admitted, chosen by the request's headers.
///
/// An adapter makes it before it loads the session, and then [admits](Self::admit) the visitor:
///
/// | request | answer |
/// |---|---|
/// | a page that the browser shows: `GET` with `Sec-Fetch-Mode: navigate`, or with `Accept: text/html` and no Fetch Metadata | 303 to the page, with the path as `next` |
/// | a form that the browser posts, by the same signs | 303 to the page, with the path of the page with the form as `next`: `Referer`, if it has our `Host` |
/// | htmx: `HX-Request: true`, unless its page is already the one to sign in on | 401 with `HX-Redirect` |
/// | everything else: `fetch`, images, API clients | 401 |
///
/// Without a page to send visitors to, and if the browser asks for that page itself, the answer is
/// a 401.
#[derive(Clone, Debug)]
pub struct Gate {
    answer: Answer,
    /// The page to return to.
    next: Option<String>,
    /// Maximum time since the visitor proved who they are.
    pub(crate) within: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Status,
    /// A redirect that comes back to the page that was asked for.
    SeeOther,
    /// A redirect that comes back to the page with the form, since a `GET` would not post it again.
    SeeOtherForPost,
    HxRedirect,
}

/// Where visitors who are not admitted can sign in or prove who they are.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) login: Option<String>,
    pub(crate) confirm: Option<String>,
}

impl Gate {
    /// Reads from a request how to answer it.
    #[must_use]
    pub fn of(request: &impl RequestHeaders) -> Self {
        let is_htmx = request.first(RequestHeader::HxRequest) == Some(b"true");
        let (answer, next) = match request.method() {
            _ if is_htmx => (Answer::HxRedirect, page_of_htmx(request)),
            "GET" | "HEAD" if shows_page(request) => (Answer::SeeOther, next_of(request.target())),
            "POST" if shows_page(request) => (Answer::SeeOtherForPost, page_of_form(request)),
            _ => (Answer::Status, None),
        };
        Self { answer, next: next.map(str::to_owned), within: None }
    }

    /// Admits only visitors who proved who they are less than `time` ago, if a time is given.
    #[must_use]
    pub const fn within(mut self, time: Option<Duration>) -> Self {
        self.within = time;
        self
    }

    /// Returns the error for a visitor who must sign in, or confirm who they are.
    pub(crate) fn refuse(&self, kind: ErrorKind, pages: &Pages) -> Error {
        let confirm = pages.confirm.as_deref().filter(|_| kind == ErrorKind::ConfirmationRequired);
        let page = confirm.or(pages.login.as_deref());
        Error::new(kind).redirecting(page.and_then(|page| self.redirect(page)))
    }

    fn redirect(&self, page: &str) -> Option<Redirect> {
        let url = match self.next.as_deref() {
            Some(next) if path_of(next) != path_of(page) => with_next(page, next),
            // A redirect to the page itself would never end: htmx may ask as soon as it is shown.
            Some(_) if self.answer != Answer::SeeOtherForPost => return None,
            _ => page.to_owned(),
        };
        match self.answer {
            Answer::Status => None,
            Answer::SeeOther | Answer::SeeOtherForPost => Some(Redirect::SeeOther(url)),
            Answer::HxRedirect => Some(Redirect::HxRedirect(url)),
        }
    }
}

/// Returns whether the browser shows the response as a page.
fn shows_page(request: &impl RequestHeaders) -> bool {
    match request.first(RequestHeader::SecFetchMode) {
        Some(mode) => mode == b"navigate" && !is_frame(request),
        None => accepts_html(request),
    }
}

/// Returns whether a page is loaded into a part of another one, where nobody would sign in.
fn is_frame(request: &impl RequestHeaders) -> bool {
    !matches!(request.first(RequestHeader::SecFetchDest), None | Some(b"document"))
}

fn accepts_html(request: &impl RequestHeaders) -> bool {
    let ranges = request.values(RequestHeader::Accept).flat_map(|value| value.split(|byte| *byte == b','));
    let mut media_types = ranges.filter_map(|range| range.split(|byte| *byte == b';').next()).map(<[u8]>::trim_ascii);
    media_types.any(|media_type| media_type.eq_ignore_ascii_case(b"text/html"))
}

/// Returns the path of the page that htmx is part of, which asked for a fragment.
fn page_of_htmx(request: &impl RequestHeaders) -> Option<&str> {
    if request.first(RequestHeader::HxBoosted) == Some(b"true") && request.method() == "GET" {
        return next_of(request.target());
    }
    let (_, path) = split_url(request.first(RequestHeader::HxCurrentUrl)?)?;
    next_of(path)
}

/// Returns the path of the page whose form was posted, if it is a page of this host.
fn page_of_form(request: &impl RequestHeaders) -> Option<&str> {
    let (origin, path) = split_url(request.first(RequestHeader::Referer)?)?;
    let host = request.host()?;
    next_of(path).filter(|_| is_of_host(origin.as_bytes(), host, true))
}

/// Splits a URL into its origin and its path.
fn split_url(url: &[u8]) -> Option<(&str, &str)> {
    let url = str::from_utf8(url).ok()?;
    let authority = url.find("://")? + "://".len();
    Some(url.split_at(authority + url[authority..].find('/')?))
}

fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or(target)
}

impl Pages {
    /// Checks that both are paths of this site.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let is_page = |page: &str| local_path(page).is_some() && !page.contains('#');
        match self.login.iter().chain(&self.confirm).find(|page| !is_page(page)) {
            Some(page) => Err(ConfigError::new(ConfigErrorKind::Page)
                .with_advice(format!("{page:?}; write a path such as \"/login\", without a fragment"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::RequestHeader::{Accept, Host, HxBoosted, HxCurrentUrl, HxRequest, Referer, SecFetchDest, SecFetchMode};
    use super::*;

    fn pages(login: Option<&str>, confirm: Option<&str>) -> Pages {
        Pages { login: login.map(str::to_owned), confirm: confirm.map(str::to_owned) }
    }

    /// Returns the status of a denial and where it sends the client.
    fn answer(error: &Error) -> (u16, Option<&str>) {
        (error.status(), error.location())
    }

    const NAVIGATION: &[(RequestHeader, &str)] = &[(SecFetchMode, "navigate"), (SecFetchDest, "document")];
    const BROWSER_ACCEPT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    #[test]
    fn headers_decide_the_answer() {
        let redirected = (303, Some("/login?next=/private%3Fa%3Db"));
        type Row<'a> = (&'a str, &'a [(RequestHeader, &'a str)], (u16, Option<&'a str>));
        let table: [Row<'_>; 25] = [
            ("GET", NAVIGATION, redirected),
            ("HEAD", NAVIGATION, redirected),
            ("POST", NAVIGATION, (303, Some("/login"))),
            ("POST", &[(SecFetchMode, "cors"), (Referer, "https://shop.example/")], (401, None)),
            ("POST", &[(SecFetchMode, "navigate"), (SecFetchDest, "iframe")], (401, None)),
            ("DELETE", NAVIGATION, (401, None)),
            ("GET", &[(SecFetchMode, "navigate")], redirected),
            ("GET", &[(SecFetchMode, "navigate"), (SecFetchDest, "iframe")], (401, None)),
            ("GET", &[(SecFetchMode, "navigate"), (SecFetchDest, "embed")], (401, None)),
            ("GET", &[(SecFetchMode, "cors"), (Accept, "*/*")], (401, None)),
            ("GET", &[(SecFetchMode, "cors"), (Accept, BROWSER_ACCEPT)], (401, None)),
            ("GET", &[(SecFetchMode, "same-origin"), (Accept, "text/html")], (401, None)),
            ("GET", &[(SecFetchMode, "no-cors"), (SecFetchDest, "image")], (401, None)),
            ("GET", &[(SecFetchMode, "websocket")], (401, None)),
            ("GET", &[(Accept, BROWSER_ACCEPT)], redirected),
            ("GET", &[(Accept, "application/json"), (Accept, "TEXT/HTML ; q=0.5")], redirected),
            ("POST", &[(Accept, BROWSER_ACCEPT)], (303, Some("/login"))),
            ("GET", &[(Accept, "application/json")], (401, None)),
            ("GET", &[(Accept, "text/html-fragment")], (401, None)),
            ("GET", &[(Accept, "*/*")], (401, None)),
            ("GET", &[], (401, None)),
            ("GET", &[(HxRequest, "true"), (Accept, "text/html")], (401, Some("/login"))),
            ("POST", &[(HxRequest, "true"), (SecFetchMode, "cors")], (401, Some("/login"))),
            ("GET", &[(HxRequest, "false"), (SecFetchMode, "navigate")], redirected),
            ("GET", &[(HxRequest, "true"), (HxBoosted, "true")], (401, Some("/login?next=/private%3Fa%3Db"))),
        ];
        for (method, headers, expected) in table {
            let gate = Gate::of(&Fake { method, target: "/private?a=b", headers });
            let error = gate.refuse(ErrorKind::NotSignedIn, &pages(Some("/login"), None));
            assert_eq!((error.kind(), answer(&error)), (ErrorKind::NotSignedIn, expected), "{method} {headers:?}");
            assert_eq!(
                answer(&gate.refuse(ErrorKind::NotSignedIn, &Pages::default())),
                (401, None),
                "{method} {headers:?}"
            );
        }
    }

    #[test]
    fn forms_and_htmx_return_to_their_page() {
        for (url, location) in [
            ("https://shop.example/orders?page=2", "/login?next=/orders%3Fpage%3D2"),
            ("https://shop.example/", "/login?next=/"),
            ("https://shop.example", "/login"),
            ("https://evil.example//evil.example", "/login"),
            ("https://shop.example/\\evil", "/login"),
            ("about:blank", "/login"),
            ("", "/login"),
        ] {
            let htmx: &[_] = &[(HxRequest, "true"), (HxCurrentUrl, url)];
            let form = &[(SecFetchMode, "navigate"), (Referer, url), (Host, "shop.example")];
            for (method, headers, status) in [("GET", htmx, 401), ("POST", htmx, 401), ("POST", form, 303)] {
                let gate = Gate::of(&Fake { method, target: "/orders/delete", headers });
                let error = gate.refuse(ErrorKind::NotSignedIn, &pages(Some("/login"), None));
                assert_eq!(answer(&error), (status, Some(location)), "{url}");
            }
        }
    }

    #[test]
    fn foreign_form_is_no_next() {
        for (referer, host, location) in [
            ("https://shop.example:8443/a", "shop.example:8443", "/login?next=/a"),
            ("http://localhost:8080/a", "localhost:8080", "/login?next=/a"),
            ("http://a/b", "a", "/login?next=/b"),
            ("https://evil.example/a", "shop.example", "/login"),
            ("https://shop.example/a", "shop.example:8443", "/login"),
            ("https://shop.example@evil.example/a", "shop.example", "/login"),
        ] {
            let headers = [(SecFetchMode, "navigate"), (Referer, referer), (Host, host)];
            let gate = Gate::of(&Fake { method: "POST", target: "/delete", headers: &headers });
            let error = gate.refuse(ErrorKind::NotSignedIn, &pages(Some("/login"), None));
            assert_eq!(answer(&error), (303, Some(location)), "{referer}");
        }
    }

    #[test]
    fn foreign_target_is_no_next() {
        for target in ["//evil.example", "/\\evil.example", "https://evil.example/", "*", ""] {
            let gate = Gate::of(&Fake { method: "GET", target, headers: NAVIGATION });
            let error = gate.refuse(ErrorKind::NotSignedIn, &pages(Some("/login"), None));
            assert_eq!(answer(&error), (303, Some("/login")), "{target}");
        }
    }

    #[test]
    fn login_page_does_not_redirect_to_itself() {
        for (target, redirects) in [("/login", false), ("/login?a=b", false), ("/login/", true), ("/login2", true)] {
            let url = format!("https://shop.example{target}");
            // A fragment of the page would reload it for ever, and lose the `next` in its query.
            let htmx = [(HxRequest, "true"), (HxCurrentUrl, &*url)];
            let boosted = [(HxRequest, "true"), (HxBoosted, "true")];
            for (target, headers) in [(target, NAVIGATION), ("/cart", &htmx), (target, &boosted)] {
                let gate = Gate::of(&Fake { method: "GET", target, headers });
                let error = gate.refuse(ErrorKind::NotSignedIn, &pages(Some("/login?lang=de"), None));
                assert_eq!(error.location().is_some(), redirects, "{url} {headers:?}");
                let error = gate.refuse(ErrorKind::ConfirmationRequired, &pages(None, Some("/login")));
                assert_eq!(error.location().is_some(), redirects, "{url} {headers:?}");
            }
            // Who posts a form of the page sees it again.
            let form = [(SecFetchMode, "navigate"), (Referer, &*url), (Host, "shop.example")];
            let gate = Gate::of(&Fake { method: "POST", target: "/cart", headers: &form });
            assert!(gate.refuse(ErrorKind::NotSignedIn, &pages(Some("/login"), None)).location().is_some(), "{url}");
        }
    }

    #[test]
    fn confirm_page_is_the_login_page_by_default() {
        let gate = Gate::of(&Fake { method: "GET", target: "/a", headers: NAVIGATION });
        for (login, confirm, expected) in [
            (None, None, (401, None)),
            (Some("/login"), None, (303, Some("/login?next=/a"))),
            (Some("/login"), Some("/confirm"), (303, Some("/confirm?next=/a"))),
            (None, Some("/confirm"), (303, Some("/confirm?next=/a"))),
        ] {
            let error = gate.refuse(ErrorKind::ConfirmationRequired, &pages(login, confirm));
            assert_eq!((error.kind(), answer(&error)), (ErrorKind::ConfirmationRequired, expected));
        }
    }

    #[test]
    fn pages_are_paths_of_this_site() {
        for good in ["/", "/login", "/login?lang=de", "/a/b"] {
            assert_eq!(pages(Some(good), Some(good)).check(), Ok(()), "{good}");
        }
        for bad in ["", "login", "//login", "https://login.example", "/login#top", "/log in", "/anmelden\u{e9}"] {
            for pages in [pages(Some(bad), None), pages(Some("/"), Some(bad))] {
                let error = pages.check().unwrap_err();
                assert_eq!(error.kind(), ConfigErrorKind::Page, "{bad}");
                assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
            }
        }
    }
}
