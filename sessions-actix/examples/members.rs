//! A scope for members. `cargo run -p sessions-actix --example members`, then open
//! <http://127.0.0.1:8080/> and <http://127.0.0.1:8080/members/>.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Html, Redirect, get, post, scope, to};
use actix_web::{App, Error, HttpResponse, HttpServer};
use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions};

/// Login and logout are POST requests: other sites can make a browser send a `GET` with our cookie.
const FORMS: &str = r#"<form method="post" action="/login"><button>Sign in</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>"#;

async fn front_page() -> Html {
    Html::new(FORMS)
}

async fn login(session: Session) -> Result<Redirect, SessionError> {
    session.login("ann")?; // after you have verified who it is
    Ok(Redirect::to("/members/").see_other())
}

async fn logout(session: Session) -> Redirect {
    session.destroy();
    Redirect::to("/").see_other()
}

async fn members(session: Session) -> String {
    format!("welcome, {}", session.principal().unwrap_or_default())
}

async fn members_only<B: MessageBody + 'static>(
    session: Session,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if session.principal().is_none() {
        let refusal = HttpResponse::Unauthorized().body("sign in at / first");
        return Ok(request.into_response(refusal).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::builder().build()?;
    let app = move || {
        App::new()
            .service(scope("/members").wrap(from_fn(members_only)).default_service(to(members)))
            .route("/", get().to(front_page))
            .route("/login", post().to(login))
            .route("/logout", post().to(logout))
            .wrap(SessionMiddleware::new(sessions.clone()))
    };
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
