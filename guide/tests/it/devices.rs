//! The program of the page on devices and limits.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{COOKIE, SET_COOKIE, USER_AGENT};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use sessions_actix::LimitPolicy;
use sessions_actix::sessions_core::testing::ManualClock;

include!("../../programs/devices.rs");

/// Returns the service of the program.
macro_rules! app {
    ($sessions:expr) => {{
        let sessions = $sessions;
        let proxies = TrustedProxies::new(["127.0.0.1"]).unwrap();
        let app = App::new().app_data(web::Data::new(sessions.clone())).app_data(web::Data::new(proxies));
        init_service(app.configure(routes).wrap(SessionMiddleware::new(sessions))).await
    }};
}

/// Signs in with a user agent, and returns the status and the cookie.
macro_rules! sign_in {
    ($app:expr, $user:expr, $agent:expr) => {{
        let request = TestRequest::post().uri("/login").insert_header((USER_AGENT, $agent));
        let request = request.insert_header(("x-forwarded-for", "198.51.100.7"));
        let form = [("user", $user), ("password", "open sesame")];
        let request = request.peer_addr(([127, 0, 0, 1], 4711).into()).set_form(form);
        let response = call_service($app, request.to_request()).await;
        let cookie = response.headers().get(SET_COOKIE).map_or("", |value| value.to_str().unwrap());
        (response.status().as_u16(), cookie.split(';').next().unwrap().to_owned())
    }};
}

/// Sends a request with a cookie, and returns the status and the body.
macro_rules! send {
    ($app:expr, $cookie:expr, $method:expr, $path:expr) => {{
        let request = TestRequest::with_uri($path).method($method).insert_header((COOKIE, $cookie.as_str()));
        let response = call_service($app, request.to_request()).await;
        (response.status().as_u16(), String::from_utf8(read_body(response).await.to_vec()).unwrap())
    }};
}

#[actix_web::test]
async fn each_device_can_be_signed_out() {
    let app = app!(sessions().unwrap());
    let (_, phone) = sign_in!(&app, "ann", "a phone");
    let (_, laptop) = sign_in!(&app, "ann", "a laptop");
    let (_, bob) = sign_in!(&app, "bob", "a thief");

    let (status, text) = send!(&app, &laptop, Method::GET, "/devices");
    assert_eq!(status, 200);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let row = |agent: &str| rows.iter().find(|row| row["user_agent"] == agent).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!([&row("a phone")["is_this_one"], &row("a laptop")["is_this_one"]], [false, true]);
    assert_eq!(row("a phone")["address"], "198.51.100.7");

    let path = format!("/devices/{}", row("a phone")["id"].as_str().unwrap());
    assert_eq!(send!(&app, &bob, Method::DELETE, &path).0, 404);
    assert_eq!(send!(&app, &phone, Method::GET, "/devices").0, 200);
    assert_eq!(send!(&app, &laptop, Method::DELETE, &path).0, 204);
    assert_eq!(send!(&app, &phone, Method::GET, "/devices").0, 401);

    let this = format!("/devices/{}", row("a laptop")["id"].as_str().unwrap());
    assert_eq!(send!(&app, &laptop, Method::DELETE, &this).0, 204);
    assert_eq!(send!(&app, &laptop, Method::GET, "/devices").0, 401);
    assert_eq!(send!(&app, &bob, Method::GET, "/devices").0, 200);
}

#[actix_web::test]
async fn signing_out_everywhere_ends_this_session_too() {
    let sessions = sessions().unwrap();
    let app = app!(sessions.clone());
    let (_, phone) = sign_in!(&app, "ann", "a phone");
    let (_, laptop) = sign_in!(&app, "ann", "a laptop");
    assert_eq!(send!(&app, &phone, Method::DELETE, "/devices").0, 204);
    for cookie in [phone, laptop] {
        assert_eq!(send!(&app, &cookie, Method::GET, "/devices").0, 401);
    }
    assert_eq!(sessions.sessions_of("ann").await.unwrap().len(), 0);
}

#[actix_web::test]
async fn a_login_beyond_the_limit_ends_the_oldest() {
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().sessions_per_principal(2).clock(Arc::clone(&clock));
    let app = app!(builder.build().unwrap());
    let (_, first) = sign_in!(&app, "ann", "first");
    let mut others = Vec::new();
    for agent in ["second", "third"] {
        clock.advance(Duration::from_secs(1));
        others.push(sign_in!(&app, "ann", agent).1);
    }
    assert_eq!(send!(&app, &first, Method::GET, "/devices").0, 401);
    for cookie in others {
        assert_eq!(send!(&app, &cookie, Method::GET, "/devices").0, 200);
    }
}

#[actix_web::test]
async fn a_login_beyond_the_limit_is_refused_with_a_reason() {
    // Logins within one millisecond have no order.
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().sessions_per_principal(1).limit_policy(LimitPolicy::RefuseLogin);
    let app = app!(builder.clock(Arc::clone(&clock)).build().unwrap());
    let (_, first) = sign_in!(&app, "ann", "first");
    clock.advance(Duration::from_secs(1));
    let (status, cookie) = sign_in!(&app, "ann", "second");
    assert_eq!((status, cookie.as_str()), (403, ""));
    assert_eq!(send!(&app, &first, Method::GET, "/devices").0, 200);
    assert_eq!(sign_in!(&app, "bob", "another").0, 200);
}
