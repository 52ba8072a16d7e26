//! The program of the page on accounts, for actix-web.

use std::sync::Arc;

use actix_web::http::header::{ACCEPT, COOKIE, HOST, LOCATION, REFERER, SET_COOKIE};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use sessions_actix::sessions_core::testing::ManualClock;

include!("../../programs/accounts_actix.rs");

const ANN: &str = "user=ann&password=open+sesame";

/// Sends a request as a browser with a cookie does, and keeps the cookie of the response. Returns
/// its status, where it leads, and its body.
macro_rules! send {
    ($app:expr, $cookie:expr, $request:expr) => {{
        let cookie: &mut String = &mut $cookie;
        let request = $request.insert_header((ACCEPT, "text/html")).insert_header((COOKIE, cookie.clone()));
        let request = request.insert_header(("content-type", "application/x-www-form-urlencoded"));
        let response = call_service(&$app, request.to_request()).await;
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, location) = (response.status().as_u16(), header(LOCATION).unwrap_or_default());
        if let Some(set_cookie) = header(SET_COOKIE) {
            *cookie = set_cookie;
        }
        (status, location, String::from_utf8(read_body(response).await.to_vec()).unwrap())
    }};
}

fn get_page(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

fn post_form(path: &str, form: &'static str) -> TestRequest {
    TestRequest::post().uri(path).set_payload(form)
}

/// Returns the service of the program.
macro_rules! app {
    ($sessions:expr) => {
        init_service(App::new().configure(routes).wrap(SessionMiddleware::new($sessions))).await
    };
}

#[actix_web::test]
async fn a_member_signs_in_and_ends_other_devices() {
    let app = app!(sessions().unwrap());
    let (mut phone, mut laptop) = (String::new(), String::new());
    let (status, location, _) = send!(app, phone, get_page("/devices"));
    assert_eq!((status, location.as_str()), (303, "/login?next=/devices"));
    let (status, _, form) = send!(app, phone, post_form(&location, "user=ann&password=guess"));
    assert_eq!((status, form.as_str()), (401, LOGIN));
    let (status, next, _) = send!(app, phone, post_form(&location, ANN));
    assert_eq!((status, next.as_str(), phone.contains("Max-Age")), (303, "/devices", false));
    let (_, next, _) = send!(app, laptop, post_form("/login", "user=ann&password=open+sesame&remember=on"));
    // A month, less what has passed of its first second.
    assert_eq!((next.as_str(), laptop.contains("Max-Age=25")), ("/account", true), "{laptop}");

    let (_, _, devices) = send!(app, laptop, get_page("/devices"));
    assert_eq!((devices.matches("<li>").count(), devices.matches("this one").count()), (2, 1), "{devices}");
    send!(app, laptop, post_form("/devices/end-others", ""));
    assert_eq!(send!(app, phone, get_page("/account")).0, 303);
}

#[actix_web::test]
async fn an_account_is_closed_after_the_password_was_entered_again() {
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().login_page("/login").confirm_page("/confirm").clock(Arc::clone(&clock));
    let app = app!(builder.sweep_every(None).build().unwrap());
    let mut laptop = String::new();
    send!(app, laptop, post_form("/login", ANN));
    clock.advance(TEN_MINUTES);
    let close = post_form("/account/close", "").insert_header((HOST, "shop.example"));
    let (status, location, _) = send!(app, laptop, close.insert_header((REFERER, "https://shop.example/account")));
    assert_eq!((status, location.as_str()), (303, "/confirm?next=/account"));
    assert_eq!(send!(app, laptop, post_form(&location, "password=guess")).2, CONFIRM);
    assert_eq!(send!(app, laptop, post_form(&location, "password=open+sesame")).1, "/account");
    assert_eq!(send!(app, laptop, post_form("/account/close", "")).1, "/login");
    assert!(laptop.contains("Max-Age=0"), "{laptop}");
}
