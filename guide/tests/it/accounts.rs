//! The program of the page on accounts.

#![expect(dead_code, reason = "the program's `main` is not called")]

use std::sync::Arc;

use sessions_axum::sessions_core::testing::ManualClock;

use crate::support::Browser;

include!("../../programs/accounts.rs");

const ANN: &str = "user=ann&password=open+sesame";

/// Returns the id in the first "Sign out" button of a page of devices.
fn first_id(page: &str) -> &str {
    page.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap()
}

#[tokio::test]
async fn a_visitor_signs_in_and_returns_to_the_page() {
    let app = app(sessions().unwrap());
    let mut browser = Browser::default();
    let denied = browser.get(&app, "/devices").await;
    assert_eq!((denied.status, denied.location.as_str()), (303, "/login?next=/devices"));
    assert_eq!(browser.get(&app, &denied.location).await.body, LOGIN);

    let wrong = browser.post(&app, &denied.location, "user=ann&password=guess").await;
    assert!(wrong.status == 401 && wrong.body == LOGIN, "{wrong:?}");
    let signed_in = browser.post(&app, &denied.location, ANN).await;
    assert_eq!((signed_in.status, signed_in.location.as_str()), (303, "/devices"));
    assert!(browser.get(&app, "/account").await.body.starts_with("<p>Hello ann.</p>"));

    assert_eq!(browser.post(&app, "/logout", "").await.location, "/login");
    assert_eq!(browser.get(&app, "/account").await.status, 303);
}

#[tokio::test]
async fn a_login_lasts_a_month_if_the_box_is_ticked() {
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().login_page("/login").clock(Arc::clone(&clock)).sweep_every(None);
    let app = app(builder.build().unwrap());
    let [mut plain, mut remembered] = [Browser::default(), Browser::default()];
    plain.post(&app, "/login", ANN).await;
    remembered.post(&app, "/login", &format!("{ANN}&remember=on")).await;
    assert!(!plain.set_cookie().contains("Max-Age") && remembered.set_cookie().contains("Max-Age=2592000"));
    clock.advance(MONTH - Duration::from_secs(60));
    assert_eq!(plain.get(&app, "/account").await.status, 303);
    assert_eq!(remembered.get(&app, "/account").await.status, 200);
}

#[tokio::test]
async fn an_account_is_closed_after_the_password_was_entered_again() {
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().login_page("/login").confirm_page("/confirm").clock(Arc::clone(&clock));
    let app = app(builder.sweep_every(None).build().unwrap());
    let mut browser = Browser::default();
    browser.post(&app, "/login", ANN).await;
    clock.advance(TEN_MINUTES);
    assert_eq!(browser.post(&app, "/account/close", "").await.location, "/confirm");
    assert_eq!(browser.post(&app, "/confirm", "password=guess").await.body, CONFIRM);
    assert_eq!(browser.post(&app, "/account/close", "").await.location, "/confirm");
    assert_eq!(browser.post(&app, "/confirm?next=/account", "password=open+sesame").await.location, "/account");
    assert_eq!(browser.post(&app, "/account/close", "").await.location, "/login");
    assert_eq!(browser.get(&app, "/account").await.status, 303);
}

#[tokio::test]
async fn the_page_of_devices_ends_each_of_them() {
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().login_page("/login").clock(Arc::clone(&clock)).sweep_every(None);
    let app = app(builder.build().unwrap());
    let [mut phone, mut laptop, mut bob] = [Browser::default(), Browser::default(), Browser::default()];
    phone.post(&app, "/login", ANN).await;
    clock.advance(Duration::from_secs(150));
    bob.post(&app, "/login", "user=bob&password=open+sesame").await;
    let own = bob.get(&app, "/devices").await.body;
    assert_eq!(own.matches("<li>").count(), 1, "{own}");
    laptop.post(&app, "/login", ANN).await;
    let both = laptop.get(&app, "/devices").await.body;
    assert!(both.contains("2 minutes ago\n") && both.contains("0 minutes ago, this one"), "{both}");

    // An id of another user ends nothing.
    let bobs = first_id(&own);
    assert_eq!(laptop.post(&app, "/devices/end", &format!("id={bobs}")).await.location, "/devices");
    assert_eq!(bob.get(&app, "/account").await.status, 200);

    assert_eq!(laptop.post(&app, "/devices/end-others", "").await.location, "/devices");
    assert_eq!(phone.get(&app, "/account").await.status, 303);
    let left = laptop.get(&app, "/devices").await.body;
    assert_eq!(left.matches("<li>").count(), 1, "{left}");
    laptop.post(&app, "/devices/end", &format!("id={}", first_id(&left))).await;
    assert_eq!(laptop.cookie(), "", "the own device is a logout");
    assert_eq!(laptop.get(&app, "/account").await.status, 303);
}

#[test]
fn names_of_browsers_are_escaped() {
    assert_eq!(escape("<b>\"A&B\"</b>"), "&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt;");
}
