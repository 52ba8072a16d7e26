//! The program of the page on signing in and out.

#![expect(dead_code, reason = "the program's `main` is not called")]

use crate::support::Browser;

include!("../../programs/signing_in.rs");

/// Returns the value of the form's hidden field, as a browser reads it.
fn hidden_next(form: &str) -> String {
    let (_, value) = form.split_once(r#"name="next" type="hidden" value=""#).unwrap();
    value.split('"').next().unwrap().replace("&amp;", "&")
}

const ANN: &str = "user=ann&password=open+sesame";

#[tokio::test]
async fn only_members_see_the_account() {
    let app = app(Sessions::builder().login_page("/").build().unwrap());
    let mut browser = Browser::default();
    let refused = browser.get(&app, "/account").await;
    assert_eq!((refused.status, refused.location.as_str()), (303, "/?next=/account"));
    assert_eq!(hidden_next(&browser.get(&app, &refused.location).await.body), "/account");
    assert_eq!(browser.post(&app, "/sign-in", "user=ann&password=guess").await.status, 401);
    assert_eq!(browser.cookie(), "");

    assert_eq!(browser.post(&app, "/sign-in", ANN).await.location, "/account");
    assert_eq!(browser.get(&app, "/account").await.body, "signed in as ann");
}

#[tokio::test]
async fn signing_in_returns_to_the_page_that_was_asked_for() {
    let app = app(Sessions::builder().login_page("/").build().unwrap());
    for (next, location) in [
        ("%2Faccount%3Ftab%3D2%26copy", "/account?tab=2&copy"),
        ("https%3A%2F%2Fevil.example", "/account"),
        ("//evil", "/account"),
    ] {
        let page = Browser::default().get(&app, &format!("/?next={next}")).await;
        assert_eq!(hidden_next(&page.body), location);
        let form = format!("{ANN}&next={next}");
        assert_eq!(Browser::default().post(&app, "/sign-in", &form).await.location, location);
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let app = app(Sessions::builder().login_page("/").build().unwrap());
    let mut browser = Browser::default();
    browser.post(&app, "/sign-in", ANN).await;
    let mut thief = browser.clone();
    assert_eq!(browser.post(&app, "/sign-out", "").await.location, "/");
    assert_eq!(browser.cookie(), "");
    assert_eq!(thief.get(&app, "/account").await.status, 303);
}

#[tokio::test]
async fn signing_out_elsewhere_keeps_this_session() {
    let app = app(Sessions::builder().login_page("/").build().unwrap());
    let [mut phone, mut laptop] = [Browser::default(), Browser::default()];
    for browser in [&mut phone, &mut laptop] {
        browser.post(&app, "/sign-in", ANN).await;
    }
    assert_eq!(laptop.post(&app, "/sign-out-elsewhere", "").await.body, "ended 1 other sessions");
    assert_eq!(phone.get(&app, "/account").await.status, 303);
    assert_eq!(laptop.get(&app, "/account").await.status, 200);
}
