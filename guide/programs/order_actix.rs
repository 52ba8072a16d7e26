use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Logger, Next, from_fn};
use actix_web::{App, Error, HttpResponse, HttpServer, web};
use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions};

async fn sign_in(session: Session) -> Result<&'static str, SessionError> {
    session.login("ann")?;
    Ok("welcome")
}

async fn whoami(session: Session) -> String {
    session.principal().unwrap_or_default()
}

async fn members_only<B: MessageBody + 'static>(
    session: Session,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if session.principal().is_none() {
        return Ok(request.into_response(HttpResponse::Unauthorized().finish()).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::scope("/members").wrap(from_fn(members_only)).route("/whoami", web::get().to(whoami)))
        .route("/sign-in", web::post().to(sign_in))
        .default_service(web::to(whoami));
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::builder().build()?;
    let app = move || {
        // The last `wrap` is the outermost.
        App::new().configure(routes).wrap(SessionMiddleware::new(sessions.clone())).wrap(Logger::default())
    };
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
