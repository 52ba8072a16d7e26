//! The demo on actix-web: `cargo run --bin demo-actix`.

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use sessions_actix::{Session, SessionError, SessionMiddleware};
use sessions_examples::{Failure, Options, announce, app};

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    let options = Options::from_args();
    let sessions = options.sessions()?;
    let server = HttpServer::new(move || {
        App::new()
            .wrap(SessionMiddleware::new(sessions.clone()))
            .route("/", web::to(without_session))
            .route("/plain", web::to(without_session))
            .default_service(web::to(with_session))
    })
    .bind(options.address())
    .map_err(|error| options.failure_to_listen(error))?;
    for address in server.addrs() {
        announce(address);
    }
    // On SIGTERM and Ctrl-C, actix-web answers the requests that are under way and returns.
    Ok(server.run().await?)
}

async fn without_session(request: HttpRequest) -> HttpResponse {
    let request = app::Request::new(request.method().as_str(), request.path(), "", b"");
    respond(app::answer_without_session(request))
}

async fn with_session(session: Session, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse, SessionError> {
    let request = app::Request::new(request.method().as_str(), request.path(), request.query_string(), &body);
    let wait: app::Wait = |duration| Box::pin(tokio::time::sleep(duration));
    Ok(respond(app::answer(request, &session, wait).await?))
}

fn respond(reply: app::Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or_default();
    HttpResponse::build(status).content_type(reply.content_type).body(reply.body)
}
