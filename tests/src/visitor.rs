use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Connection, Events, Request, Response, Server, SetCookie, query};

/// Idle time after which a connection is not reused.
const FRESH: Duration = Duration::from_secs(2);

/// A client that keeps one connection and returns the session cookie it was given.
///
/// It ignores the cookie's attributes, as clients other than browsers do.
#[derive(Debug)]
pub struct Visitor<'a> {
    server: &'a Server,
    connection: Option<(Connection, Instant)>,
    cookie: Option<String>,
    issued: Vec<String>,
}

/// The response of `/whoami`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoAmI {
    /// Public id of the session, if one is stored.
    pub id: Option<String>,
    /// The signed-in user.
    pub user: Option<String>,
    /// Whether the session is new with this request.
    pub is_new: bool,
}

impl<'a> Visitor<'a> {
    pub(crate) const fn new(server: &'a Server) -> Self {
        Self { server, connection: None, cookie: None, issued: Vec::new() }
    }

    pub(crate) fn with_token(server: &'a Server, token: &str) -> Self {
        Self { cookie: Some(token.to_owned()), ..Self::new(server) }
    }

    /// Returns a second tab of the same browser: the same cookie on its own connection.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self { server: self.server, connection: None, cookie: self.cookie.clone(), issued: Vec::new() }
    }

    /// Returns more tabs of the same browser, each connected already.
    #[must_use]
    #[track_caller]
    pub fn tabs(&self, count: usize) -> Vec<Self> {
        let connected = |_| {
            let connection = Some((self.server.connect(), Instant::now()));
            Self { connection, ..self.twin() }
        };
        (0..count).map(connected).collect()
    }

    /// Sends a request with the cookie, and keeps the cookie of the response.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[track_caller]
    pub fn ask(&mut self, request: Request) -> Response {
        let asked = request.to_string();
        match self.try_ask(request) {
            Ok(response) => response,
            Err(error) => panic!("{asked}: no response: {error}"),
        }
    }

    /// Sends a request as [`ask`](Self::ask) does, to a server that may have ended.
    ///
    /// # Errors
    ///
    /// Fails if there is no response.
    ///
    /// # Panics
    ///
    /// Panics if the server neither responds nor closes the connection in time.
    #[track_caller]
    pub fn try_ask(&mut self, request: Request) -> io::Result<Response> {
        let request = match &self.cookie {
            Some(token) => self.server.authorize(request, token),
            None => request,
        };
        let mut connection = self.connected()?;
        let response = connection.exchange(&request)?;
        if connection.is_open() {
            self.connection = Some((connection, Instant::now()));
        }
        self.take_cookie(&response);
        Ok(response)
    }

    /// Sends a GET.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[track_caller]
    pub fn get(&mut self, target: &str) -> Response {
        self.ask(Request::get(target))
    }

    /// Requests a stream of events, on a separate connection.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[must_use]
    #[track_caller]
    pub fn follow(&self, target: &str) -> Events {
        self.follow_over(self.server.connect(), target)
    }

    /// Requests a stream of events over a connection, such as one to a proxy.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[must_use]
    #[track_caller]
    pub fn follow_over(&self, connection: Connection, target: &str) -> Events {
        let request = Request::get(target).cookie(self.server.cookie(&self.token()));
        match Events::open(connection, &request) {
            Ok(events) => events,
            Err(error) => panic!("{request}: no response: {error}"),
        }
    }

    /// Posts a JSON text.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[track_caller]
    pub fn post(&mut self, target: &str, json: &str) -> Response {
        self.ask(Request::post_json(target, json))
    }

    /// Sets an entry with `/put`.
    ///
    /// # Panics
    ///
    /// Panics if the response is not `ok`.
    #[track_caller]
    pub fn put(&mut self, key: &str, value: &str) -> Response {
        self.get(&query("/put", &[("k", key), ("v", value)])).expect_text("ok")
    }

    /// Signs in.
    ///
    /// # Panics
    ///
    /// Panics if the response is not `ok`.
    #[track_caller]
    pub fn login(&mut self, user: &str) -> Response {
        self.get(&query("/login", &[("user", user)])).expect_text("ok")
    }

    /// Returns the session's entries.
    ///
    /// # Panics
    ///
    /// Panics if the response is not a JSON object.
    #[must_use]
    #[track_caller]
    pub fn entries(&mut self) -> BTreeMap<String, String> {
        self.get("/get/").entries()
    }

    /// Returns the session from `/whoami`.
    ///
    /// # Panics
    ///
    /// Panics if the response has another form.
    #[must_use]
    #[track_caller]
    pub fn whoami(&mut self) -> WhoAmI {
        let response = self.get("/whoami");
        let answer = response.to_string();
        let value = response.json();
        let text = |name: &str| match &value[name] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            _ => panic!("expected a text or null as {name}, but\n{answer}"),
        };
        let (id, user) = (text("id"), text("user"));
        match value["is_new"].as_bool() {
            Some(is_new) => WhoAmI { id, user, is_new },
            None => panic!("expected true or false as is_new, but\n{answer}"),
        }
    }

    /// Returns the session's public id.
    ///
    /// # Panics
    ///
    /// Panics if there is no session.
    #[must_use]
    #[track_caller]
    pub fn id(&mut self) -> String {
        self.whoami().id.expect("the visitor has a session")
    }

    /// Expects that the visitor is anonymous, with no change of the cookie.
    ///
    /// # Panics
    ///
    /// Panics if the visitor has a session.
    #[track_caller]
    pub fn expect_anonymous(&mut self) {
        self.get("/get/").expect_text("{}").expect_no_cookie();
        let whoami = self.whoami();
        assert_eq!(whoami, WhoAmI { id: None, user: None, is_new: true }, "expected an anonymous visitor");
    }

    /// Expects that this user is signed in.
    ///
    /// # Panics
    ///
    /// Panics if nobody or another user is signed in.
    #[track_caller]
    pub fn expect_user(&mut self, user: &str) {
        let whoami = self.whoami();
        assert_eq!(whoami.user.as_deref(), Some(user), "expected {user} to be signed in");
    }

    /// Returns the value of the session cookie, if the visitor has one.
    #[must_use]
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Returns the value of the session cookie.
    ///
    /// # Panics
    ///
    /// Panics if the visitor has none.
    #[must_use]
    #[track_caller]
    pub fn token(&self) -> String {
        self.cookie.clone().expect("the visitor was given a session cookie")
    }

    /// Returns all values of the session cookie that this visitor was given.
    #[must_use]
    pub fn issued(&self) -> &[String] {
        &self.issued
    }

    fn connected(&mut self) -> io::Result<Connection> {
        match self.connection.take() {
            Some((connection, used)) if used.elapsed() < FRESH => Ok(connection),
            _ => Connection::try_open(self.server.address()),
        }
    }

    fn take_cookie(&mut self, response: &Response) {
        let name = self.server.cookie_name();
        if let Some(cookie) = response.set_cookies().iter().find(|cookie| cookie.name() == name) {
            self.cookie = (!SetCookie::is_removal(cookie)).then(|| cookie.value().to_owned());
            self.issued.extend(self.cookie.clone());
        }
    }
}
