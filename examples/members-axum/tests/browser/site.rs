//! The application on a socket, and browsers that visit it.

use std::net::SocketAddr;

use members_axum::{App, Settings, connect, router, sessions};
use sessions_tests::Chromium;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::support::database;
use crate::support::provider::Provider;

/// The password of every member.
pub(crate) const PASSWORD: &str = "open sesame";

/// The running application.
pub(crate) struct Site {
    origin: String,
    pub(crate) provider: Provider,
    /// Runs the application until the test ends.
    _runtime: Runtime,
}

impl Site {
    /// Starts the application, and a browser that has not visited it yet.
    ///
    /// If a program is missing, reports the test as skipped and returns `None`.
    pub(crate) fn start() -> Option<(Self, Chromium)> {
        let (browser, database) = (Chromium::start()?, database()?);
        let runtime = Runtime::new().unwrap();
        let (origin, provider) = runtime.block_on(serve(&database));
        Some((Self { origin, provider, _runtime: runtime }, browser))
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

async fn serve(database: &str) -> (String, Provider) {
    let (database, store) = connect(database).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Of the names of this machine, the provider has another one: for the browser, another site.
    let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let provider = Provider::start().await;
    let mut settings = Settings::default();
    settings.oauth = Some(provider.as_oauth(&origin));
    let app = router(App::new(database, settings).unwrap(), sessions(store).build().unwrap());
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async { axum::serve(listener, service).await });
    (origin, provider)
}
