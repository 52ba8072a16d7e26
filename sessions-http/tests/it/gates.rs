//! Admitting signed-in visitors only.

use std::time::Duration;

use http::header::{ACCEPT, LOCATION};
use http::{Request, Response, StatusCode};
use sessions_core::Sessions;
use sessions_core::adapter::SignedIn;
use sessions_http::{SessionError, signed_in};

use crate::support::{Answer, manager_and_store, request_after, serve, sign_in};

async fn whoami(request: Request<()>) -> Answer {
    let user = signed_in(&request).await?;
    user.within(Duration::from_secs(60))?;
    Ok(Response::new(format!("{} {}", user.principal(), user.session().id() == user.id())))
}

async fn confirmed_just_now(request: Request<()>) -> Answer {
    let user: SignedIn = signed_in(&request).await?;
    user.within(Duration::ZERO)?;
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

#[tokio::test]
async fn the_login_page_leads_back() {
    let sessions = Sessions::builder().login_page("/login").build().unwrap();
    for is_in_parts in [false, true] {
        let handler = async move |request: Request<()>| {
            let denied = match is_in_parts {
                true => signed_in(&request.into_parts().0).await,
                false => signed_in(&request).await,
            };
            let denied = denied.unwrap_err();
            assert_eq!(denied.error().location(), Some("/login?next=/orders"));
            Answer::Ok(denied.into_response())
        };
        let request = Request::get("/orders").header(ACCEPT, "text/html").body(()).unwrap();
        let response = serve(&sessions, request, handler).await.unwrap();
        assert_eq!(response.headers()[LOCATION], "/login?next=/orders");
    }
}
