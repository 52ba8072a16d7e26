//! The program of the page on values.

#![expect(dead_code, reason = "the program's `main` is not called")]

use crate::support::Browser;

include!("../../programs/values.rs");

#[tokio::test]
async fn values_stay_from_request_to_request() {
    let app = app(Sessions::builder().build().unwrap());
    let mut browser = Browser::default();
    assert_eq!(browser.get(&app, "/").await.body, "visit 1, theme light, 0 in the cart");
    browser.post(&app, "/theme", "theme=dark").await;
    browser.post(&app, "/cart/add", "name=tea&count=2").await;
    browser.post(&app, "/cart/add", "name=cake&count=1").await;
    assert_eq!(browser.get(&app, "/").await.body, "visit 2, theme dark, 3 in the cart");
    browser.post(&app, "/cart/empty", "").await;
    assert_eq!(browser.get(&app, "/").await.body, "visit 3, theme dark, 0 in the cart");
    assert_eq!(Browser::default().get(&app, "/").await.body, "visit 1, theme light, 0 in the cart");
}

#[tokio::test]
async fn items_of_two_tabs_are_both_in_the_cart() {
    let sessions = Sessions::builder().build().unwrap();
    let app = app(sessions.clone());
    let mut browser = Browser::default();
    browser.get(&app, "/").await;

    // The other tab adds something after this one has loaded the cart.
    let exchange = sessions.open();
    let session = exchange.session([browser.cookie().as_bytes()]).await.unwrap();
    browser.post(&app, "/cart/add", "name=tea&count=2").await;
    let cake = Item { name: "cake".to_owned(), count: 1 };
    let _ = add_to_cart(session.into(), Form(cake)).await.unwrap();
    let _ = exchange.end(200).await.unwrap();
    assert_eq!(browser.get(&app, "/").await.body, "visit 2, theme light, 3 in the cart");
}
