use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream};
use sessions_actix::{Session, SessionError, SessionMiddleware, Sessions};

async fn sign_in(session: Session) -> Result<&'static str, SessionError> {
    session.login("ann")?;
    Ok("welcome")
}

async fn open(session: Session, request: HttpRequest, body: web::Payload) -> actix_web::Result<HttpResponse> {
    if session.principal().is_none() {
        return Ok(HttpResponse::Unauthorized().finish());
    }
    let (response, socket, messages) = actix_ws::handle(&request, body)?;
    actix_web::rt::spawn(talk(session, socket, messages.aggregate_continuations()));
    Ok(response)
}

/// Answers each message until the visitor disconnects or is signed out.
async fn talk(session: Session, mut socket: actix_ws::Session, mut messages: AggregatedMessageStream) {
    while let Some(Ok(AggregatedMessage::Text(text))) = messages.recv().await {
        let Ok(count) = count(&session).await else { break };
        if socket.text(format!("{count}: {text}")).await.is_err() {
            return;
        }
    }
    let _ = socket.close(None).await;
}

async fn count(session: &Session) -> Result<i64, SessionError> {
    session.reload().await?; // an error if the session has ended meanwhile
    let count = session.increment("messages", 1)?;
    session.save().await?; // the response headers were sent long ago, so nothing else saves
    Ok(count)
}

fn routes(config: &mut web::ServiceConfig) {
    config.route("/sign-in", web::post().to(sign_in)).route("/socket", web::get().to(open));
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::builder().build()?;
    let app = move || App::new().wrap(SessionMiddleware::new(sessions.clone())).configure(routes);
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
