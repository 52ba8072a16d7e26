//! The program, and browsers that visit it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use sessions_tests::Chromium;
use test_servers::Server;

use crate::support::redis;

/// The password of every member.
pub(crate) const PASSWORD: &str = "open sesame";

/// The running program.
pub(crate) struct Site {
    origin: String,
    program: Child,
    _redis: Server,
}

impl Site {
    /// Starts the program, and a browser that has not visited it yet.
    ///
    /// If something is missing, reports the test as skipped and returns `None`.
    pub(crate) fn start() -> Option<(Self, Chromium)> {
        let (browser, redis) = (Chromium::start()?, redis()?);
        let mut program = Command::new(env!("CARGO_BIN_EXE_members-actix"))
            .args(["--port", "0", "--redis", &redis.url()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let origin = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it prints {line:?}"));
        Some((Self { origin: origin.to_owned(), program, _redis: redis }, browser))
    }

    /// Opens a page of the application.
    #[track_caller]
    pub(crate) fn open(&self, browser: &Chromium, target: &str) {
        browser.open(&self.url(target));
    }

    /// Returns the URL of a page of the application.
    pub(crate) fn url(&self, target: &str) -> String {
        format!("{}{target}", self.origin)
    }

    /// Expects that the browser shows a page, at the end of all redirects.
    #[track_caller]
    pub(crate) fn expect(&self, browser: &Chromium, target: &str, text: &str) {
        let shown = browser.text();
        assert_eq!(browser.url(), self.url(target), "{shown}");
        assert!(shown.contains(text), "{shown}");
    }

    /// Signs up by the form.
    #[track_caller]
    pub(crate) fn sign_up(&self, browser: &Chromium, name: &str) {
        self.open(browser, "/sign-up");
        send(browser, &[("name", name), ("password", PASSWORD)]);
        self.expect(browser, "/account", "Welcome!");
    }

    /// Signs in by the form.
    #[track_caller]
    pub(crate) fn sign_in(&self, browser: &Chromium, name: &str) {
        self.open(browser, "/login");
        send(browser, &[("name", name), ("password", PASSWORD)]);
        self.expect(browser, "/account", name);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Returns another browser, as on another device.
pub(crate) fn other_browser() -> Chromium {
    Chromium::start().expect("the first browser has started")
}

/// Fills in the form on the page and sends it.
#[track_caller]
pub(crate) fn send(browser: &Chromium, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        browser.fill(&format!("main form [name={name}]"), value);
    }
    browser.follow("main form button");
}
