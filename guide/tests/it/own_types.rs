//! The program of the page on errors and extractors of one's own.

#![expect(dead_code, reason = "the program's `main` is not called")]

use sessions_axum::sessions_core::testing::ManualClock;

use crate::support::Browser;

include!("../../programs/own_types.rs");

const ANN: &str = "user=ann&password=secret";

fn users() -> Arc<Users> {
    let users = Users::default();
    users.save("ann", User { password: "secret".to_owned(), mail: "ann@example.org".to_owned() });
    Arc::new(users)
}

#[tokio::test]
async fn the_extractor_leads_to_the_login() {
    let app = app(sessions().unwrap(), users());
    let mut browser = Browser::default();
    let denied = browser.get(&app, "/account").await;
    assert_eq!((denied.status, denied.location.as_str()), (303, "/login?next=/account"));
    let wrong = browser.post(&app, "/login", "user=ann&password=guess").await;
    assert_eq!((wrong.status, wrong.body.as_str()), (401, "Please sign in again."));
    assert_eq!(browser.post(&app, "/login", ANN).await.location, "/account");
    assert_eq!(browser.get(&app, "/account").await.body, "ann, we write to ann@example.org");
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().login_page("/login").confirm_page("/login").clock(Arc::clone(&clock));
    let app = app(builder.sweep_every(None).build().unwrap(), users());
    let [mut browser, mut thief] = [(); 2].map(|()| Browser::default());
    for browser in [&mut browser, &mut thief] {
        browser.post(&app, "/login", ANN).await;
    }
    let stolen = browser.clone();
    assert_eq!(browser.post(&app, "/password", "password=better+one").await.location, "/account");
    assert_eq!(browser.get(&app, "/account").await.status, 200);
    assert_eq!(Browser::default().post(&app, "/login", ANN).await.status, 401);
    assert_eq!(Browser::default().post(&app, "/login", "user=ann&password=better+one").await.status, 303);
    for mut other in [thief, stolen] {
        assert_ne!(other.get(&app, "/account").await.status, 200);
    }
    clock.advance(TEN_MINUTES);
    let late = browser.post(&app, "/password", "password=worse").await;
    assert_eq!((late.status, late.location.as_str()), (303, "/login"));
}
