//! A browser that keeps its cookies.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request};
use tower::ServiceExt as _;

/// A browser that keeps its cookies by name, whatever their attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
    /// The last `Set-Cookie` header.
    set_cookie: String,
}

/// A response as a browser sees it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) body: String,
}

impl Browser {
    /// Returns what the browser sends in its `Cookie` header.
    pub(crate) fn cookie(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Returns the value of a cookie, or an empty text.
    pub(crate) fn value_of(&self, name: &str) -> &str {
        self.cookies.get(name).map_or("", String::as_str)
    }

    /// Sets a cookie as somebody who tampers with the browser does.
    pub(crate) fn plant(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Returns the last `Set-Cookie` header that the browser got.
    pub(crate) fn set_cookie(&self) -> &str {
        &self.set_cookie
    }

    pub(crate) fn keep(&mut self, set_cookie: &str) {
        set_cookie.clone_into(&mut self.set_cookie);
        let (pair, attributes) = set_cookie.split_once(';').unwrap_or((set_cookie, ""));
        let (name, value) = pair.split_once('=').unwrap();
        if value.is_empty() || attributes.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.plant(name, value);
        }
    }

    fn keep_of(&mut self, headers: &HeaderMap) {
        for set_cookie in headers.get_all(SET_COOKIE) {
            self.keep(set_cookie.to_str().unwrap());
        }
    }

    pub(crate) async fn get(&mut self, app: &Router, path: &str) -> Answer {
        self.send(app, Method::GET, path, "").await
    }

    pub(crate) async fn post(&mut self, app: &Router, path: &str, form: &str) -> Answer {
        self.send(app, Method::POST, path, form).await
    }

    async fn send(&mut self, app: &Router, method: Method, path: &str, form: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header(COOKIE, self.cookie());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").header(ACCEPT, "text/html");
        let response = app.clone().oneshot(request.body(Body::from(form.to_owned())).unwrap()).await.unwrap();
        self.keep_of(response.headers());
        let location = response.headers().get(LOCATION).map_or("", |value| value.to_str().unwrap()).to_owned();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        Answer { status, location, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// Gets a page of a server, and returns its status and its body.
    pub(crate) fn visit(&mut self, server: SocketAddr, path: &str) -> (u16, String) {
        self.ask(server, "GET", path)
    }

    /// Sends a request without a body, and returns the status and the body of the response.
    pub(crate) fn ask(&mut self, server: SocketAddr, method: &str, path: &str) -> (u16, String) {
        self.ask_with(server, &format!("{method} {path}"), "", "")
    }

    /// Sends a request with headers, each with its line break, and a body.
    pub(crate) fn ask_with(&mut self, server: SocketAddr, line: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(server).unwrap();
        let cookies = match self.cookie() {
            cookies if cookies.is_empty() => String::new(),
            cookies => format!("Cookie: {cookies}\r\n"),
        };
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{cookies}{headers}\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let field = |line: &str| {
            line.split_once(": ")
                .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
                .map(|(_, value)| value.to_owned())
        };
        for set_cookie in head.lines().filter_map(field) {
            self.keep(&set_cookie);
        }
        (head[9..12].parse().unwrap(), body.to_owned())
    }
}
