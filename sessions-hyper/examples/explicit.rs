//! Sessions by explicit calls, with no wrapper. `cargo run -p sessions-hyper --example explicit`,
//! then open <http://127.0.0.1:8080/>, <http://127.0.0.1:8080/login> and
//! <http://127.0.0.1:8080/logout>.

use std::convert::Infallible;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sessions_hyper::{SessionError, Sessions, SessionsExt};
use tokio::net::TcpListener;

async fn answer(sessions: &Sessions, request: &Request<Incoming>) -> Result<Response<String>, SessionError> {
    if request.uri().path() == "/logout" {
        let mut response = Response::new("good bye".to_owned());
        sessions.destroy(request, &mut response).await?;
        return Ok(response);
    }
    let session = sessions.start(request).await?;
    if request.uri().path() == "/login" {
        session.login("ann")?; // after you have verified who it is
    }
    let name = session.principal().unwrap_or_else(|| "a stranger".to_owned());
    let mut response = Response::new(format!("hello, {name}"));
    sessions.finish(&session, &mut response).await?;
    Ok(response)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::builder().build()?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let sessions = sessions.clone();
        let handle = move |request| {
            let sessions = sessions.clone();
            async move { Ok::<_, Infallible>(answer(&sessions, &request).await.unwrap_or_else(SessionError::into_response)) }
        };
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(handle)));
    }
}
