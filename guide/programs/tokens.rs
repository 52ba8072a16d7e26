use std::convert::Infallible;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use sessions_hyper::{ConfigError, Login, SessionError, SessionService, Sessions, signed_in};
use tokio::net::TcpListener;

type Answer = Response<Full<Bytes>>;

const QUARTER: Duration = Duration::from_secs(90 * 24 * 60 * 60);

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

/// Placeholder: check against your stored password hash.
fn is_right(form: &Credentials) -> bool {
    form.password == "open sesame"
}

async fn route(request: Request<Incoming>, sessions: &Sessions) -> Result<Answer, SessionError> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/api/token") => create(request, sessions).await,
        (&Method::DELETE, "/api/token") => {
            signed_in(&request).await?.destroy();
            Ok(Answer::default())
        }
        (&Method::POST, "/api/confirm") => confirm(request).await,
        (&Method::GET, "/api/me") => {
            let user = signed_in(&request).await?;
            Ok(json_answer(&json!({ "user": user.principal() })))
        }
        _ => Ok(status(StatusCode::NOT_FOUND)),
    }
}

/// Signs a client in. It has no token yet, so there is no session to load.
async fn create(request: Request<Incoming>, sessions: &Sessions) -> Result<Answer, SessionError> {
    let Some(form) = credentials(request).await else { return Ok(status(StatusCode::UNAUTHORIZED)) };
    let issued = sessions.issue(Login::new(form.user).remember(QUARTER)).await?;
    Ok(json_answer(&json!({ "token": issued.token() })))
}

/// The visitor has entered the password again, which replaces the token.
async fn confirm(request: Request<Incoming>) -> Result<Answer, SessionError> {
    let user = signed_in(&request).await?;
    let form = credentials(request).await.filter(|form| form.user == user.principal());
    if form.is_none() {
        return Ok(status(StatusCode::UNAUTHORIZED));
    }
    user.confirm()?;
    user.save().await?; // the new token counts from here on
    Ok(json_answer(&json!({ "token": user.bearer_token()? })))
}

/// Reads credentials, and returns them if they are right.
async fn credentials(request: Request<Incoming>) -> Option<Credentials> {
    let body = Limited::new(request.into_body(), 4096).collect().await.ok()?.to_bytes();
    serde_json::from_slice(&body).ok().filter(is_right)
}

/// Tokens must not stay in a cache.
fn json_answer(value: &serde_json::Value) -> Answer {
    let mut answer = Answer::new(value.to_string().into());
    answer.headers_mut().insert("content-type", "application/json".parse().expect("a valid header"));
    answer.headers_mut().insert("cache-control", "no-store".parse().expect("a valid header"));
    answer
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

fn sessions() -> Result<Sessions, ConfigError> {
    Sessions::builder().bearer(true).build()
}

async fn serve(listener: TcpListener, sessions: Sessions) -> Result<(), Box<dyn std::error::Error>> {
    let handler = {
        let sessions = sessions.clone();
        service_fn(move |request| {
            let sessions = sessions.clone();
            async move {
                let answer = route(request, &sessions).await;
                Ok::<_, Infallible>(answer.unwrap_or_else(SessionError::into_response))
            }
        })
    };
    let service = SessionService::new(sessions, handler);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue }; // log it, and pause
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    serve(TcpListener::bind("127.0.0.1:8080").await?, sessions()?).await
}
