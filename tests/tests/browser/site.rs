//! A demo, and a browser that visits it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sessions_tests::{Chromium, Framework, Nginx, PATIENCE, Server};

/// The route from a browser to a demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    /// Through nginx, as in most deployments.
    Nginx,
}

/// A running demo and a browser that has not visited it yet.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) browser: Chromium,
    port: u16,
    _nginx: Option<Nginx>,
    _server: Server,
}

impl Site {
    /// Starts the demo and the browser.
    ///
    /// If a program is missing, reports the test as skipped and returns `None`.
    pub(crate) fn start(framework: Framework, way: Way) -> Option<Self> {
        let browser = Chromium::start()?;
        let server = Server::start(framework);
        let (port, nginx) = match way {
            Way::Direct => (server.port(), None),
            Way::Nginx => {
                let nginx = Nginx::passing(&server)?;
                (nginx.port(), Some(nginx))
            }
        };
        Some(Self { browser, port, _nginx: nginx, _server: server })
    }

    /// Opens a page of the demo on `localhost`, where Chromium accepts `Secure` cookies without
    /// TLS.
    #[track_caller]
    pub(crate) fn open(&self, target: &str) {
        self.open_on("localhost", target);
    }

    /// Opens a page of the demo by another host name of this machine.
    #[track_caller]
    pub(crate) fn open_on(&self, host: &str, target: &str) {
        self.browser.open(&format!("http://{host}:{}{target}", self.port));
    }

    /// Opens a page of the demo and expects a text.
    #[track_caller]
    pub(crate) fn expect(&self, target: &str, text: &str) {
        self.open(target);
        self.expect_text(text);
    }

    /// Reloads the page and expects a text.
    #[track_caller]
    pub(crate) fn expect_after_reload(&self, text: &str) {
        self.browser.reload();
        self.expect_text(text);
    }

    /// Expects a text on the page.
    #[track_caller]
    pub(crate) fn expect_text(&self, text: &str) {
        assert_eq!(self.browser.text(), text);
    }

    /// Fills in a form of the page and posts it.
    #[track_caller]
    pub(crate) fn submit(&self, action: &str, fields: &[(&str, &str)]) {
        for (name, value) in fields {
            self.browser.fill(&format!("form[action='{action}'] [name={name}]"), value);
        }
        self.browser.follow(&format!("form[action='{action}'] button"));
    }

    /// Opens `/whoami` and returns when the user last proved who they are, in milliseconds.
    #[track_caller]
    pub(crate) fn signed_in_at(&self) -> u64 {
        self.whoami()["signed_in_at"].as_u64().expect("a signed-in user has a time")
    }

    /// Returns the path and the query of the page.
    #[track_caller]
    pub(crate) fn path(&self) -> String {
        self.browser.evaluate("location.pathname + location.search").as_str().unwrap_or_default().to_owned()
    }

    /// Repeats an action until it leads to a path, with its query.
    #[track_caller]
    pub(crate) fn repeat_until_at(&self, path: &str, act: impl Fn()) {
        let deadline = Instant::now() + PATIENCE;
        act();
        while self.path() != path {
            assert!(Instant::now() < deadline, "the browser does not arrive at {path}, but at {}", self.path());
            act();
        }
    }

    /// Expects the text of the first element that a CSS selector finds.
    #[track_caller]
    pub(crate) fn expect_element(&self, selector: &str, text: &str) {
        assert_eq!(self.browser.text_of(selector).as_deref(), Some(text), "{selector} of\n{}", self.browser.text());
    }

    /// Expects that a CSS selector finds nothing.
    #[track_caller]
    pub(crate) fn expect_no_element(&self, selector: &str) {
        assert_eq!(self.browser.text_of(selector), None, "{selector} of\n{}", self.browser.text());
    }

    /// Waits until a script of the page has changed the text of an element.
    #[track_caller]
    pub(crate) fn wait_for_element(&self, selector: &str, text: &str) {
        self.wait_until(selector, Some(text));
    }

    /// Waits until a script of the page has changed it so that a CSS selector finds nothing.
    #[track_caller]
    pub(crate) fn wait_until_gone(&self, selector: &str) {
        self.wait_until(selector, None);
    }

    #[track_caller]
    fn wait_until(&self, selector: &str, text: Option<&str>) {
        let deadline = Instant::now() + PATIENCE;
        while self.browser.text_of(selector).as_deref() != text {
            assert!(Instant::now() < deadline, "{selector} does not become {text:?} on\n{}", self.browser.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn whoami(&self) -> Value {
        self.open("/whoami");
        serde_json::from_str(&self.browser.text()).expect("the answer is JSON")
    }

    /// Opens `/whoami` and expects a signed-in user.
    #[track_caller]
    pub(crate) fn expect_user(&self, user: &str) {
        assert_eq!(self.whoami()["user"], user);
    }
}

/// Makes one test per framework of each scenario, a function that takes a [`Framework`] and a
/// [`Way`].
///
/// may_minihttp is also tested behind nginx, since its HTTP is our own.
macro_rules! in_every_framework_and_way {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            sessions_tests::in_every_framework! { @tests super::$scenario, $crate::site::Way::Direct }

            #[test]
            fn minihttp_behind_nginx() {
                super::$scenario(sessions_tests::Framework::Minihttp, $crate::site::Way::Nginx);
            }
        }
    )*};
}

pub(crate) use in_every_framework_and_way;
