//! Other libraries with default settings, behind the same routes.

mod actix_session;
mod axum_session;
mod poem;
mod tower_sessions;

use harness::axum::{self, Axum};
use harness::command_line::{self, Subjects};
use harness::{Visitor, redis_url};

/// Runs the program.
pub fn main() {
    command_line::main(&Peers);
}

struct Peers;

impl Subjects for Peers {
    fn names(&self) -> Vec<String> {
        let names = [
            "tower-sessions",
            "tower-sessions-redis",
            "axum_session",
            "actix-session-cookie",
            "actix-session-redis",
            "poem-bare",
            "poem",
        ];
        names.map(str::to_owned).to_vec()
    }

    async fn with<V: Visitor>(&self, name: &str, visitor: V) {
        match name {
            "tower-sessions" => visitor.visit(name, Axum(tower_sessions::memory())).await,
            "tower-sessions-redis" => visitor.visit(name, Axum(tower_sessions::redis().await)).await,
            "axum_session" => visitor.visit(name, Axum(axum_session::memory().await)).await,
            "actix-session-cookie" => actix_session::visit(name, actix_session::in_cookie(), visitor).await,
            "actix-session-redis" => actix_session::visit(name, actix_session::in_redis().await, visitor).await,
            "poem-bare" => visitor.visit(name, poem::bare()).await,
            "poem" => visitor.visit(name, poem::memory()).await,
            _ => panic!("there is no subject {name}"),
        }
    }

    fn serve(&self, name: &str, port: u16) {
        match name {
            "tower-sessions" => axum::serve(port, async || tower_sessions::memory()),
            "tower-sessions-redis" => axum::serve(port, tower_sessions::redis),
            "axum_session" => axum::serve(port, axum_session::memory),
            "actix-session-cookie" => actix_session::serve(port, async || actix_session::in_cookie),
            "actix-session-redis" => actix_session::serve(port, async || {
                let store = actix_session::in_redis().await;
                move || store.clone()
            }),
            "poem-bare" => poem::serve(port, poem::bare_routes),
            "poem" => poem::serve(port, poem::routes),
            _ => panic!("there is no subject {name}"),
        }
    }
}

/// The query of `/set`.
#[derive(serde::Deserialize)]
struct Key {
    k: String,
}

/// Lists the test keys, to find lost updates.
fn keys() -> impl Iterator<Item = String> {
    (0..8).map(|i| format!("K{i}"))
}

/// Time that `/set` waits.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(2);

/// Returns the URL of a database of the Redis server.
fn redis_database(number: u8) -> String {
    format!("{}/{number}", redis_url())
}
