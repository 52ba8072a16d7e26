//! Signing up, and what a member's page shows.

use super::browser::PASSWORD;
use crate::site::Site;

#[crate::async_test]
async fn sign_up_signs_in() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    let page = ann.get("/account").await;
    assert!(page.shows("Welcome!") && page.shows(">ann<"), "{page:?}");
    assert!(!ann.get("/account").await.shows("Welcome!"), "a flash is shown once");
}

#[crate::async_test]
async fn a_taken_name_is_refused_by_a_flash() {
    let Some(site) = Site::start().await else { return };
    site.member("ann").await;
    let mut other = site.browser();
    let page = other.post("/sign-up", &[("name", "Ann"), ("password", "another one")]).await;
    assert_eq!(page.location(), "/sign-up");
    assert!(other.get("/sign-up").await.shows("This name is taken."));
    assert!(!other.get("/sign-up").await.shows("This name is taken."));
    assert!(!other.is_signed_in().await);
    assert_eq!(site.browser().login("ann").await.location(), "/account", "her password is still the same");
}

#[crate::async_test]
async fn one_of_two_gets_the_name() {
    let Some(site) = Site::start().await else { return };
    let (mut one, mut other) = (site.browser(), site.browser());
    let form = [("name", "ann"), ("password", PASSWORD)];
    let (one, other) = tokio::join!(one.post("/sign-up", &form), other.post("/sign-up", &form));
    let mut locations = [one.location(), other.location()];
    locations.sort_unstable();
    assert_eq!(locations, ["/account", "/sign-up"]);
}

#[crate::async_test]
async fn bad_names_and_passwords_are_refused() {
    let Some(site) = Site::start().await else { return };
    for (name, password, reason) in [
        ("<b>", PASSWORD, "A name has"),
        ("ann\0", PASSWORD, "A name has"),
        ("ann", "short", "at least 8"),
        ("ann", &"a".repeat(257), "at most 256"),
    ] {
        let mut browser = site.browser();
        assert_eq!(browser.post("/sign-up", &[("name", name), ("password", password)]).await.location(), "/sign-up");
        let page = browser.get("/sign-up").await;
        assert!(page.shows(reason), "{name:?} {page:?}");
    }
}

#[crate::async_test]
async fn a_deleted_user_is_signed_out() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    site.delete_user("ann").await;
    assert_eq!(ann.get("/account").await.location(), "/login");
    assert_eq!(site.sessions.count().await.unwrap(), 0);
}

#[crate::async_test]
async fn errors_have_pages() {
    let Some(mut site) = Site::start().await else { return };
    let page = site.browser().get("/nowhere").await;
    assert_eq!(page.status, 404);
    assert!(page.shows("There is no such page."));
    site.end_database().await;
    let mut stranger = site.browser();
    stranger.cookie = Some("__Host-id=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned());
    for page in [stranger.login("ann").await, stranger.get("/account").await] {
        assert_eq!(page.status, 503);
        assert!(page.shows("We cannot answer right now."), "{page:?}");
    }
}
