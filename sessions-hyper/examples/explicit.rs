//! Sessions by explicit calls, with no wrapper. `cargo run -p sessions-hyper --example explicit`,
//! then open <http://127.0.0.1:8080/>.

use std::convert::Infallible;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sessions_hyper::{SessionError, Sessions, SessionsExt};
use tokio::net::TcpListener;

/// Login and logout are POST requests: other sites can make a browser send a `GET` with our cookie.
const FORMS: &str = r#"<form method="post" action="/login"><button>Sign in</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>"#;

async fn answer(sessions: &Sessions, request: &Request<Incoming>) -> Result<Response<String>, SessionError> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/login") => {
            let session = sessions.start(request).await?;
            session.login("ann")?; // after you have verified who it is
            let mut response = front_page_next();
            sessions.finish(&session, &mut response).await?;
            Ok(response)
        }
        (&Method::POST, "/logout") => {
            let mut response = front_page_next();
            sessions.destroy(request, &mut response).await?;
            Ok(response)
        }
        _ => {
            let session = sessions.start(request).await?;
            let name = session.principal().unwrap_or_else(|| "a stranger".to_owned());
            let mut response = Response::new(format!("<p>Hello, {name}.</p>\n{FORMS}"));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            sessions.finish(&session, &mut response).await?;
            Ok(response)
        }
    }
}

fn front_page_next() -> Response<String> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
    response
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = Sessions::builder().build()?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue }; // log it, and pause
        let sessions = sessions.clone();
        let handle = move |request| {
            let sessions = sessions.clone();
            async move { Ok::<_, Infallible>(answer(&sessions, &request).await.unwrap_or_else(SessionError::into_response)) }
        };
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(handle)));
    }
}
