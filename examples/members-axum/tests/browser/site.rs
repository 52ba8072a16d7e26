//! The application on a socket, and browsers that visit it.

use std::net::SocketAddr;

use members_axum::{App, Settings, connect, router, sessions};
use sessions_tests::Chromium;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::support::database;
use crate::support::provider::Provider;

/// The running application.
pub(crate) struct Site {
    pub(crate) origin: String,
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

    /// Returns the URL of a page on another site, whose form posts to a path of the application.
    pub(crate) fn page_elsewhere(&self, target: &str) -> String {
        self.provider.url(&format!("/elsewhere?action={}{target}", self.origin))
    }
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
