//! Values in a session: set, get, delete, clear, destroy. `cargo run --example overview`, then open
//! <http://127.0.0.1:8080/>.

use axum::Router;
use axum::response::Html;
use axum::routing::{get, post};
use sessions_axum::{Session, SessionError, SessionLayer, Sessions};
use sessions_examples::{Failure, address, announce, start_log};
use tokio::net::TcpListener;

/// Everything that changes state is a POST: other sites can make a browser send any `GET` with our
/// cookie.
const PAGE: &str = r#"<form method="post">
<button formaction="/set">Set</button> <a href="/get">Get</a>
<button formaction="/delete">Delete</button> <button formaction="/clear">Clear</button>
<button formaction="/destroy">Destroy</button>
</form>"#;

async fn index() -> Html<&'static str> {
    Html(PAGE)
}

async fn set(session: Session) -> Result<String, SessionError> {
    session.set("name", "iris")?;
    Ok(format!("All ok session set to: {}", session.lenient("name").text().unwrap_or_default()))
}

async fn read(session: Session) -> Result<String, SessionError> {
    // Typed: `None` if nothing is set, an error if the value has another type.
    let name = session.get::<String>("name")?;
    Ok(format!("The name on the /set was: {}", name.unwrap_or_default()))
}

async fn delete(session: Session) -> &'static str {
    if session.remove("name") { "deleted" } else { "there was none" }
}

async fn clear(session: Session) -> &'static str {
    session.clear();
    "cleared"
}

async fn destroy(session: Session) -> &'static str {
    session.destroy();
    "destroyed"
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    start_log();
    let sessions = Sessions::builder().build()?;
    let app = Router::new()
        .route("/", get(index))
        .route("/set", post(set))
        .route("/get", get(read))
        .route("/delete", post(delete))
        .route("/clear", post(clear))
        .route("/destroy", post(destroy))
        .layer(SessionLayer::new(sessions));
    let address = address()?;
    let listener = TcpListener::bind(address).await.map_err(|error| Failure::to_listen(address, error))?;
    announce(listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
