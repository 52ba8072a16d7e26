use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};
use sessions_axum::{Session, SessionError, SessionLayer, Sessions};

async fn save(session: Session) -> Result<Redirect, SessionError> {
    // Save what the form holds here.
    session.set_flash("notice", "your changes were saved")?;
    Ok(Redirect::to("/profile"))
}

async fn profile(session: Session) -> Result<String, SessionError> {
    let notice = session.flash::<String>("notice")?;
    Ok(format!("notice: {}", notice.as_deref().unwrap_or("none")))
}

fn app(sessions: Sessions) -> Router {
    Router::new().route("/save", post(save)).route("/profile", get(profile)).layer(SessionLayer::new(sessions))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(Sessions::builder().build()?)).await?)
}
