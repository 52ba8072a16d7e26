//! The order of axum's layers.

#![expect(dead_code, reason = "the program's `main` is not called")]

use crate::support::Browser;

include!("../../programs/order_axum.rs");

#[tokio::test(start_paused = true)]
async fn every_layer_does_its_part() {
    let app = app(Sessions::builder().build().unwrap());
    let mut browser = Browser::default();
    assert_eq!(browser.get(&app, "/members/whoami").await.status, 401);
    browser.post(&app, "/sign-in", "").await;
    assert_eq!(browser.get(&app, "/members/whoami").await.body, "ann");
    assert_eq!(browser.get(&app, "/nowhere").await.body, "ann");
    assert_eq!(browser.get(&app, "/slow").await.status, 504);
    assert_eq!(browser.get(&app, "/panic").await.status, 500);
}

#[tokio::test]
async fn a_layer_outside_of_the_sessions_finds_none() {
    let sessions = Sessions::builder().build().unwrap();
    let app =
        Router::new().route("/whoami", get(whoami)).layer(SessionLayer::new(sessions)).layer(from_fn(members_only));
    assert_eq!(Browser::default().get(&app, "/whoami").await.status, 500);
}

#[tokio::test]
async fn routes_that_follow_the_layer_have_no_sessions() {
    let sessions = Sessions::builder().build().unwrap();
    let app = Router::new().layer(SessionLayer::new(sessions)).route("/whoami", get(whoami));
    assert_eq!(Browser::default().get(&app, "/whoami").await.status, 500);
}

#[tokio::test]
async fn a_nested_layer_of_another_manager_counts() {
    let [shop, staff] = ["shop", "staff"].map(|name| Sessions::builder().cookie_name(name).build().unwrap());
    let routes = || Router::new().route("/sign-in", post(sign_in)).route("/whoami", get(whoami));
    let app = routes().nest("/staff", routes().layer(SessionLayer::new(staff.clone())));
    let app = app.layer(SessionLayer::new(shop.clone()));
    let mut browser = Browser::default();
    browser.post(&app, "/staff/sign-in", "").await;
    assert!(browser.cookie().starts_with("staff="));
    assert_eq!((shop.count().await.unwrap(), staff.count().await.unwrap()), (0, 1));
}
