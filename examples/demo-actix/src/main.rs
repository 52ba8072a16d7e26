//! The demo on actix-web: `cargo run --bin demo-actix`.

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use sessions_actix::{Session, SessionError, SessionMiddleware, SignedIn, TrustedProxies, device};
use sessions_examples::{Failure, Options, announce, app, shutdown_signal};

#[actix_web::main]
async fn main() -> Result<(), Failure> {
    let options = Options::from_args();
    let (sessions, proxies) = (options.sessions()?, web::Data::new(options.proxies()?));
    let server = HttpServer::new(move || {
        App::new()
            .wrap(SessionMiddleware::new(sessions.clone()))
            .app_data(proxies.clone())
            .route("/plain", web::to(without_session))
            .route("/private", web::get().to(private))
            .route("/private", web::head().to(private))
            .route("/private", web::post().to(private))
            .route("/fresh", web::get().to(fresh))
            .route("/fresh", web::head().to(fresh))
            .default_service(web::to(with_session))
    })
    .bind(options.address())
    .map_err(|error| options.failure_to_listen(error))?;
    for address in server.addrs() {
        announce(address);
    }
    // Then actix-web answers the requests that are under way and returns.
    Ok(server.shutdown_signal(shutdown_signal()).run().await?)
}

async fn without_session(request: HttpRequest) -> HttpResponse {
    let request = app::Request::new(request.method().as_str(), request.path(), "", b"");
    respond(app::answer_without_session(request))
}

async fn private(user: SignedIn) -> HttpResponse {
    respond(app::answer_signed_in(user.principal()))
}

async fn fresh(user: SignedIn, request: HttpRequest) -> Result<HttpResponse, SessionError> {
    user.within(app::freshness(request.query_string()))?;
    Ok(respond(app::answer_signed_in(user.principal())))
}

async fn with_session(
    session: Session,
    proxies: web::Data<TrustedProxies>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, SessionError> {
    let device = device(&request, &proxies);
    let request = app::Request::new(request.method().as_str(), request.path(), request.query_string(), &body);
    let request = request.from_device(&device);
    let wait: app::Wait = |duration| Box::pin(tokio::time::sleep(duration));
    Ok(respond(app::answer(request, &session, wait).await?))
}

fn respond(reply: app::Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or_default();
    let mut response = HttpResponse::build(status);
    for header in reply.headers {
        response.insert_header(header);
    }
    response.content_type(reply.content_type);
    match reply.body {
        app::Body::Text(text) => response.body(text),
        app::Body::Visits(visits) => response.streaming(visits.into_stream()),
    }
}
