//! Frameworks without sessions and with our adapters, on each store.

mod actix;
mod axum;
mod hyper;
mod minihttp;
mod store;

use harness::command_line::{self, Subjects};
use harness::{Visitor, axum::Axum};
use sessions_core::Sessions;
use store::Opened;
use tempfile::TempDir;

/// Runs the program.
pub fn main() {
    if !minihttp::is_client() {
        command_line::main(&Ours);
    }
}

struct Ours;

/// Parts of a subject's name: `axum-bare`, `sessions-axum`, `sessions-axum-redis`.
struct Name<'a> {
    framework: &'a str,
    /// The store; `None` for a framework without sessions.
    store: Option<&'a str>,
}

/// Name of axum with `Router::layer` instead of a layer around the whole router.
const ROUTER_LAYER: &str = "sessions-axum-router-layer";

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Self {
        if let Some(framework) = name.strip_suffix("-bare") {
            return Self { framework, store: None };
        }
        if name == ROUTER_LAYER {
            return Self { framework: ROUTER_LAYER, store: Some(store::MEMORY) };
        }
        let name = name.strip_prefix("sessions-").unwrap_or_else(|| panic!("there is no subject {name}"));
        let (framework, store) = name.split_once('-').unwrap_or((name, store::MEMORY));
        Self { framework, store: Some(store) }
    }

    /// Opens the store of the name.
    fn open(&self) -> (Option<Sessions>, Option<TempDir>) {
        let Some(name) = self.store else { return (None, None) };
        let Opened { store, folder } = store::open(name);
        let sessions = Sessions::builder().store(store).build().expect("the defaults are sound");
        (Some(sessions), folder)
    }
}

const FRAMEWORKS: [&str; 4] = ["axum", "actix", "hyper", "minihttp"];

impl Subjects for Ours {
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for framework in FRAMEWORKS {
            names.push(format!("{framework}-bare"));
            names.push(format!("sessions-{framework}"));
            names.extend(store::OTHERS.iter().map(|store| format!("sessions-{framework}-{store}")));
        }
        names.insert(2, ROUTER_LAYER.to_owned());
        names
    }

    async fn with<V: Visitor>(&self, name: &str, visitor: V) {
        let parsed = Name::parse(name);
        // The directory is removed with the subject.
        let (sessions, _folder) = parsed.open();
        match (parsed.framework, sessions) {
            ("axum", None) => visitor.visit(name, Axum(axum::bare())).await,
            ("axum", Some(sessions)) => visitor.visit(name, Axum(axum::around(sessions))).await,
            (ROUTER_LAYER, Some(sessions)) => visitor.visit(name, Axum(axum::within(sessions))).await,
            ("actix", None) => actix::visit_bare(name, visitor).await,
            ("actix", Some(sessions)) => actix::visit(name, sessions, visitor).await,
            ("hyper", None) => visitor.visit(name, hyper::bare()).await,
            ("hyper", Some(sessions)) => visitor.visit(name, hyper::with(sessions)).await,
            ("minihttp", sessions) => visitor.visit(name, minihttp::Minihttp::new(sessions)).await,
            _ => panic!("there is no framework {}", parsed.framework),
        }
    }

    fn serve(&self, name: &str, port: u16) {
        let parsed = Name::parse(name);
        let (sessions, _folder) = parsed.open();
        match (parsed.framework, sessions) {
            ("axum", None) => harness::axum::serve(port, async || axum::bare()),
            ("axum", Some(sessions)) => harness::axum::serve(port, async || axum::around(sessions)),
            (ROUTER_LAYER, Some(sessions)) => harness::axum::serve(port, async || axum::within(sessions)),
            ("actix", sessions) => actix::serve(port, sessions),
            ("hyper", sessions) => hyper::serve(port, sessions),
            ("minihttp", sessions) => minihttp::serve(port, sessions),
            (other, _) => panic!("there is no framework {other}"),
        }
    }
}

/// Lists the test keys that exist, to find lost updates.
fn keys(session: &sessions_core::Session) -> String {
    (0..8).map(|i| format!("K{i}")).filter(|key| session.contains(key)).map(|key| key + ",").collect()
}
