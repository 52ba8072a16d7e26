//! A cart that survives signing in. `cargo run -p sessions-axum --example cart`, then open
//! <http://127.0.0.1:8080/add/tea>, <http://127.0.0.1:8080/login> and <http://127.0.0.1:8080/cart>.

use axum::extract::Path;
use axum::response::Redirect;
use axum::{Router, routing::get};
use sessions_axum::{Key, Session, SessionError, SessionLayer, Sessions};

const CART: Key<Vec<String>> = Key::new("cart");

async fn add(session: Session, Path(item): Path<String>) -> Result<Redirect, SessionError> {
    let with_item = |cart: Option<Vec<String>>| cart.into_iter().flatten().chain([item.clone()]).collect();
    CART.update(&session, with_item).await?;
    Ok(Redirect::to("/cart"))
}

async fn login(session: Session) -> Result<Redirect, SessionError> {
    session.login("ann")?; // after you have verified who it is
    Ok(Redirect::to("/cart"))
}

async fn logout(session: Session) -> Redirect {
    session.destroy();
    Redirect::to("/cart")
}

async fn cart(session: Session) -> Result<String, SessionError> {
    let name = session.principal().unwrap_or_else(|| "a stranger".to_owned());
    Ok(format!("the cart of {name}: {:?}", CART.get(&session)?.unwrap_or_default()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new()
        .route("/add/{item}", get(add))
        .route("/login", get(login))
        .route("/logout", get(logout))
        .route("/cart", get(cart))
        .layer(SessionLayer::new(Sessions::builder().build()?));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app).await?)
}
