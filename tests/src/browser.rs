use url::Url;

use crate::{Jar, Request, Response, Server};

/// A browser on `http://localhost`: its [`Jar`] decides which cookies are kept and sent.
#[derive(Debug)]
pub struct Browser<'a> {
    server: &'a Server,
    jar: Jar,
}

impl<'a> Browser<'a> {
    /// Creates a browser without cookies.
    #[must_use]
    pub fn new(server: &'a Server) -> Self {
        Self { server, jar: Jar::default() }
    }

    /// Sends a GET.
    ///
    /// # Panics
    ///
    /// Panics if there is no response, or if a browser would ignore its cookie.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.ask(Request::get(target), target)
    }

    /// Posts a JSON text.
    ///
    /// # Panics
    ///
    /// See [`Browser::get`].
    #[track_caller]
    pub fn post(&mut self, target: &str, json: &str) -> Response {
        self.ask(Request::post_json(target, json), target)
    }

    /// Returns the cookies.
    #[must_use]
    pub const fn jar(&self) -> &Jar {
        &self.jar
    }

    #[track_caller]
    fn ask(&mut self, request: Request, target: &str) -> Response {
        let host = format!("localhost:{}", self.server.port());
        let url = Url::parse(&format!("http://{host}{target}")).expect("a target makes a URL");
        let request = request.host(&host);
        let response = self.server.ask(&match self.jar.field(&url) {
            Some(field) => request.cookie(field),
            None => request,
        });
        for field in response.fields("Set-Cookie") {
            if let Err(refusal) = self.jar.take(field, &url) {
                panic!("a browser ignores the cookie: {refusal}\n{response}");
            }
        }
        response
    }
}
