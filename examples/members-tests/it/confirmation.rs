//! Changing the password, which needs a recent proof of who one is.

use std::cell::Cell;
use std::time::Duration;

use super::browser::{Browser, PASSWORD};
use crate::site::Site;

const LATER: Duration = Duration::from_secs(11 * 60);
const NEW: (&str, &str) = ("password", "close sesame");

#[crate::async_test]
async fn a_new_password_ends_the_other_sessions() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    let mut phone = site.browser();
    phone.login("ann").await;
    let bystander = site.member("bob").await;
    let token = ann.cookie.clone();
    assert_eq!(ann.post("/account/password", &[NEW]).await.location(), "/account");
    assert_ne!(ann.cookie, token, "the token is replaced");
    assert!(ann.get("/account").await.shows("Other sessions ended: 1."));
    assert!(!phone.is_signed_in().await);
    assert!(bystander.clone().is_signed_in().await);
    assert_eq!(phone.login("ann").await.status, 401, "the old password is dead");
    assert_eq!(phone.post("/login", &[("name", "ann"), NEW]).await.location(), "/account");
}

#[crate::async_test]
async fn a_login_with_the_old_password_ends_with_it() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    let mut thieves = [site.browser(), site.browser(), site.browser(), site.browser()];
    let [one, two, three, four] = &mut thieves;
    let is_changed = Cell::new(false);
    let change = async {
        let page = ann.post("/account/password", &[NEW]).await;
        is_changed.set(true);
        page
    };
    // Hashes wait for each other, so some logins are right before the change and stored after it.
    let (changed, ..) = tokio::join!(
        change,
        log_in_until(&is_changed, one),
        log_in_until(&is_changed, two),
        log_in_until(&is_changed, three),
        log_in_until(&is_changed, four),
    );
    assert_eq!(changed.location(), "/account");
    assert!(ann.is_signed_in().await);
    for mut thief in thieves {
        assert!(!thief.is_signed_in().await);
    }
}

#[crate::async_test]
async fn an_old_login_is_confirmed_first() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    assert_eq!(ann.get("/account/password").await.status, 200);
    site.clock.advance(LATER);
    assert_eq!(ann.get("/account/password").await.location(), "/confirm?next=/account/password");
    assert_eq!(ann.post("/account/password", &[NEW]).await.location(), "/confirm?next=/account/password");
    assert_eq!(site.browser().login("ann").await.location(), "/account", "the password is the old one");

    let wrong = ann.post("/confirm", &[("password", "a guess"), ("next", "/account/password")]).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(ann.get("/account/password").await.location(), "/confirm?next=/account/password");
    let right = ann.post("/confirm", &[("password", PASSWORD), ("next", "/account/password")]).await;
    assert_eq!(right.location(), "/account/password");
    assert_eq!(ann.get("/account/password").await.status, 200);
    assert_eq!(ann.post("/account/password", &[NEW]).await.location(), "/account");
}

#[crate::async_test]
async fn a_short_password_changes_nothing() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    assert_eq!(ann.post("/account/password", &[("password", "short")]).await.location(), "/account/password");
    assert!(ann.get("/account/password").await.shows("at least 8 characters"));
    assert_eq!(site.browser().login("ann").await.location(), "/account");
}

/// Signs in with the old password again and again.
async fn log_in_until(is_changed: &Cell<bool>, thief: &mut Browser<'_>) {
    while !is_changed.get() {
        thief.login("ann").await;
    }
}
