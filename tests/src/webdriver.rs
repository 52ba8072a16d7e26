//! The few WebDriver commands that the tests need.
//!
//! WebDriver is JSON over HTTP on the loopback interface, and [`Connection`] is enough for that. A
//! client from crates.io would bring an asynchronous runtime and an HTTP stack.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::{Connection, Request};

/// A WebDriver session with a browser.
#[derive(Debug)]
pub(crate) struct Session {
    driver: SocketAddr,
    /// Path of the session's commands.
    path: String,
}

impl Session {
    /// Starts a browser with these capabilities.
    ///
    /// # Panics
    ///
    /// Panics if the driver cannot start it.
    #[track_caller]
    pub(crate) fn start(driver: SocketAddr, capabilities: &Value) -> Self {
        let new = Self { driver, path: "/session".to_owned() };
        let session = new.post("", &json!({ "capabilities": { "alwaysMatch": capabilities } }));
        let id = session["sessionId"].as_str().expect("a session has an id");
        Self { driver, path: format!("/session/{id}") }
    }

    /// Sends a command without parameters and returns its result.
    ///
    /// # Panics
    ///
    /// Panics if the browser cannot execute the command.
    #[track_caller]
    pub(crate) fn get(&self, command: &str) -> Value {
        self.send(&Request::get(&self.target(command)))
    }

    /// Sends a command with parameters and returns its result.
    ///
    /// # Panics
    ///
    /// Panics if the browser cannot execute the command.
    #[track_caller]
    pub(crate) fn post(&self, command: &str, parameters: &Value) -> Value {
        self.send(&Request::post_json(&self.target(command), &parameters.to_string()))
    }

    /// Sends a command that may fail and returns its result.
    ///
    /// # Errors
    ///
    /// Fails with the driver's message if the browser cannot execute the command.
    pub(crate) fn try_post(&self, command: &str, parameters: &Value) -> Result<Value, String> {
        self.try_send(&Request::post_json(&self.target(command), &parameters.to_string()))
    }

    /// Sends a command that removes something, and returns its result.
    ///
    /// # Errors
    ///
    /// Fails with the driver's message if the browser cannot execute the command.
    pub(crate) fn try_delete(&self, command: &str) -> Result<Value, String> {
        self.try_send(&Request::new("DELETE", &self.target(command)))
    }

    /// Ends the session and closes its browser.
    ///
    /// # Panics
    ///
    /// Panics if the browser does not close.
    #[track_caller]
    pub(crate) fn end(&self) {
        self.send(&Request::new("DELETE", &self.path));
    }

    fn target(&self, command: &str) -> String {
        format!("{}{command}", self.path)
    }

    #[track_caller]
    fn send(&self, request: &Request) -> Value {
        self.try_send(request).unwrap_or_else(|fault| panic!("{request}: {fault}"))
    }

    /// Fails with the driver's message if the browser cannot execute the command.
    fn try_send(&self, request: &Request) -> Result<Value, String> {
        let response = Connection::open(self.driver).exchange(request).map_err(|error| error.to_string())?;
        let mut body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let value = body["value"].take();
        if response.status() == 200 {
            return Ok(value);
        }
        // The following lines are the driver's own stack.
        let line = value["message"].as_str().and_then(|message| message.lines().next());
        Err(line.unwrap_or("no message").to_owned())
    }
}
