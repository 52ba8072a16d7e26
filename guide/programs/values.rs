use axum::Router;
use axum::extract::Form;
use axum::response::Redirect;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use sessions_axum::{Key, Session, SessionError, SessionLayer, Sessions};

/// A key with its type: "cart" is a list of items wherever it is read.
const CART: Key<Vec<Item>> = Key::new("cart");

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    name: String,
    count: u32,
}

#[derive(Deserialize)]
struct Choice {
    theme: String,
}

async fn front_page(session: Session) -> Result<String, SessionError> {
    let visits = session.increment("visits", 1)?;
    let theme: Option<String> = session.get("theme")?;
    let count: u32 = CART.get(&session)?.unwrap_or_default().iter().map(|item| item.count).sum();
    Ok(format!("visit {visits}, theme {}, {count} in the cart", theme.as_deref().unwrap_or("light")))
}

async fn choose_theme(session: Session, Form(choice): Form<Choice>) -> Result<Redirect, SessionError> {
    session.set("theme", &choice.theme)?;
    Ok(Redirect::to("/"))
}

async fn add_to_cart(session: Session, Form(item): Form<Item>) -> Result<Redirect, SessionError> {
    // Two tabs may do this at the same time. With `get` and `set`, one of the items could be lost.
    let add = |cart: Option<Vec<Item>>| {
        let mut cart = cart.unwrap_or_default();
        cart.push(item.clone());
        cart
    };
    CART.update(&session, add).await?;
    Ok(Redirect::to("/"))
}

async fn empty_cart(session: Session) -> Redirect {
    CART.remove(&session);
    Redirect::to("/")
}

fn app(sessions: Sessions) -> Router {
    Router::new()
        .route("/", get(front_page))
        .route("/theme", post(choose_theme))
        .route("/cart/add", post(add_to_cart))
        .route("/cart/empty", post(empty_cart))
        .layer(SessionLayer::new(sessions)) // last: around everything that uses the session
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(Sessions::builder().build()?)).await?)
}
