//! Admitting signed-in visitors only.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use sessions_http::{SessionError, signed_in};

use crate::support::{Answer, manager_and_store, request_after, serve, sign_in};

async fn whoami(request: Request<()>) -> Answer {
    let user = signed_in(&request).await?;
    user.within(Duration::from_secs(60))?;
    Ok(Response::new(format!("{} {}", user.principal(), user.session().id() == user.id())))
}

async fn confirmed_just_now(request: Request<()>) -> Answer {
    signed_in(&request).await?.within(Duration::ZERO)?;
    Ok(Response::default())
}

#[tokio::test]
async fn only_a_signed_in_visitor_is_admitted() {
    let (sessions, _) = manager_and_store();
    let cookie = sign_in(&sessions).await;
    let admitted = serve(&sessions, request_after(&cookie), whoami).await.unwrap();
    assert_eq!(admitted.body(), "iris true");
    let status = |denied: SessionError| denied.status();
    let stranger = serve(&sessions, Request::new(()), whoami).await;
    assert_eq!(stranger.map_err(status).unwrap_err(), StatusCode::UNAUTHORIZED);
    let stale = serve(&sessions, request_after(&cookie), confirmed_just_now).await;
    assert_eq!(stale.map_err(status).unwrap_err(), StatusCode::UNAUTHORIZED);
}
