//! The order of actix-web's middlewares.

use actix_web::dev::Service as _;
use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::test::{TestRequest, call_service, init_service, read_body};

include!("../../programs/order_actix.rs");

#[actix_web::test]
async fn only_members_pass_the_scope() {
    let sessions = Sessions::builder().build().unwrap();
    let app = App::new().configure(routes).wrap(SessionMiddleware::new(sessions)).wrap(Logger::default());
    let app = init_service(app).await;
    let refused = call_service(&app, TestRequest::with_uri("/members/whoami").to_request()).await;
    assert_eq!(refused.status(), 401);

    let signed_in = call_service(&app, TestRequest::post().uri("/sign-in").to_request()).await;
    let set_cookie = signed_in.headers().get(SET_COOKIE).unwrap().to_str().unwrap();
    let cookie = set_cookie.split(';').next().unwrap();
    for path in ["/members/whoami", "/nowhere"] {
        let request = TestRequest::with_uri(path).insert_header((COOKIE, cookie)).to_request();
        assert_eq!(read_body(call_service(&app, request).await).await, "ann", "{path}");
    }
}

#[actix_web::test]
async fn a_middleware_outside_of_the_sessions_finds_none() {
    let sessions = Sessions::builder().build().unwrap();
    let app = App::new().configure(routes).wrap(SessionMiddleware::new(sessions)).wrap(from_fn(members_only));
    let app = init_service(app).await;
    let request = TestRequest::with_uri("/whoami").to_request();
    let status = match app.call(request).await {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    assert_eq!(status, 500);
}
