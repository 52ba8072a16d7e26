//! What a person does on the application's pages.

use sessions_tests::Chromium;

use crate::site::Site;

/// The password of every member.
pub(crate) const PASSWORD: &str = "open sesame";

impl Site {
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
