//! A cart that survives signing in. `cargo run -p sessions-axum --example cart`, then open
//! <http://127.0.0.1:8080/>.

use axum::extract::Path;
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use axum::{Router, serve};
use sessions_axum::{Key, Session, SessionError, SessionLayer, Sessions};
use tokio::net::TcpListener;

const CART: Key<Vec<String>> = Key::new("cart");

/// All that changes state is a POST: other sites can make a browser send a `GET` with our cookie.
const FORMS: &str = r#"<form method="post" action="/add/tea"><button>Add tea</button></form>
<form method="post" action="/add/milk"><button>Add milk</button></form>
<form method="post" action="/login"><button>Sign in</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>"#;

async fn cart(session: Session) -> Result<Html<String>, SessionError> {
    let name = session.principal().unwrap_or_else(|| "a stranger".to_owned());
    let items = CART.get(&session)?.unwrap_or_default().len();
    Ok(Html(format!("<p>Items in the cart of {name}: {items}</p>\n{FORMS}")))
}

async fn add(session: Session, Path(item): Path<String>) -> Result<Redirect, SessionError> {
    let with_item = |cart: Option<Vec<String>>| cart.into_iter().flatten().chain([item.clone()]).collect();
    CART.update(&session, with_item).await?;
    Ok(Redirect::to("/"))
}

async fn login(session: Session) -> Result<Redirect, SessionError> {
    session.login("ann")?; // after you have verified who it is
    Ok(Redirect::to("/"))
}

async fn logout(session: Session) -> Redirect {
    session.destroy();
    Redirect::to("/")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new()
        .route("/", get(cart))
        .route("/add/{item}", post(add))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .layer(SessionLayer::new(Sessions::builder().build()?));
    Ok(serve(TcpListener::bind("127.0.0.1:8080").await?, app).await?)
}
