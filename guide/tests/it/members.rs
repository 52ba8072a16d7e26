//! The program of the page on pages for members.

#![expect(dead_code, reason = "the program's `main` is not called")]

use std::sync::Arc;

use sessions_axum::sessions_core::testing::ManualClock;

use crate::support::Browser;

include!("../../programs/members.rs");

const ANN: &str = "user=ann&password=open+sesame";

#[tokio::test]
async fn strangers_sign_in_and_return() {
    let app = app(sessions().unwrap());
    let mut browser = Browser::default();
    assert_eq!(browser.get(&app, "/").await.body, "hello");
    let denied = browser.get(&app, "/account/orders?page=2").await;
    assert_eq!((denied.status, denied.location.as_str()), (303, "/login?next=/account/orders%3Fpage%3D2"));
    assert_eq!(browser.post(&app, &denied.location, "user=ann&password=guess").await.status, 401);

    let signed_in = browser.post(&app, &denied.location, ANN).await;
    assert_eq!((signed_in.status, signed_in.location.as_str()), (303, "/account/orders?page=2"));
    assert_eq!(browser.get(&app, &signed_in.location).await.body, "the orders of ann");
    assert_eq!(browser.get(&app, "/").await.body, "hello ann");
    browser.post(&app, "/sign-out", "").await;
    assert_eq!(browser.get(&app, "/account/orders").await.status, 303);
}

#[tokio::test]
async fn a_login_does_not_end_at_another_site() {
    let app = app(sessions().unwrap());
    for next in ["https://evil.example", "//evil.example", "/%5Cevil.example", "/%09/evil.example", ""] {
        let answer = Browser::default().post(&app, &format!("/login?next={next}"), ANN).await;
        assert_eq!((answer.status, answer.location.as_str()), (303, "/"), "{next}");
    }
}

#[tokio::test]
async fn a_new_password_needs_a_recent_login() {
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().login_page("/login").confirm_page("/confirm").clock(Arc::clone(&clock));
    let app = app(builder.sweep_every(None).build().unwrap());
    let mut browser = Browser::default();
    assert_eq!(browser.get(&app, "/confirm").await.location, "/login?next=/confirm");
    browser.post(&app, "/login", ANN).await;
    assert_eq!(browser.get(&app, "/account/password").await.body, "the form for a new password");

    clock.advance(TEN_MINUTES);
    let denied = browser.get(&app, "/account/password").await;
    assert_eq!((denied.status, denied.location.as_str()), (303, "/confirm?next=/account/password"));
    let late = browser.post(&app, "/account/password", "").await;
    assert_eq!((late.status, late.location.as_str()), (303, "/confirm"), "no `Referer` names the page with the form");
    assert_eq!(browser.get(&app, "/account/orders").await.status, 200);

    assert_eq!(browser.post(&app, &denied.location, "user=bob&password=open+sesame").await.status, 401);
    assert_eq!(browser.get(&app, "/account/password").await.status, 303);
    assert_eq!(browser.post(&app, &denied.location, ANN).await.location, "/account/password");
    assert_eq!(browser.post(&app, "/account/password", "").await.body, "changed, and signed out everywhere else");
}
