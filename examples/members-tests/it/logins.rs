//! Signing in with a password.

use std::time::{Duration, Instant};

use super::browser::{Browser, PASSWORD};
use crate::site::Site;

#[crate::async_test]
async fn a_gate_leads_to_the_login_and_back() {
    let Some(site) = Site::start().await else { return };
    site.member("ann").await;
    let mut browser = site.browser();
    assert_eq!(browser.get("/devices?a=b").await.location(), "/login?next=/devices%3Fa%3Db");
    let form = browser.get("/login?next=/devices%3Fa%3Db").await;
    assert!(form.shows("name=\"next\" value=\"/devices?a=b\""), "{form:?}");
    let page = browser.post("/login", &[("name", "ann"), ("password", PASSWORD), ("next", "/devices?a=b")]).await;
    assert_eq!(page.location(), "/devices?a=b");
    assert_eq!(browser.get("/devices?a=b").await.status, 200);
}

#[crate::async_test]
async fn next_leads_to_no_other_site() {
    let Some(site) = Site::start().await else { return };
    site.member("ann").await;
    for next in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let fields = [("name", "ann"), ("password", PASSWORD), ("next", next)];
        assert_eq!(site.browser().post("/login", &fields).await.location(), "/account", "{next}");
    }
    for next in ["%22%3E%3Cscript%3E", "/%22%3E%3Cscript%3E"] {
        let page = site.browser().get(&format!("/login?next={next}")).await;
        assert!(page.shows("name=\"next\" value=\"/account\""), "{page:?}");
    }
    let page = site.browser().get("/login?next=/devices%3Fa%3D1%26b%3D2").await;
    assert!(page.shows("value=\"/devices?a=1&amp;b=2\""), "{page:?}");
}

#[crate::async_test]
async fn only_who_asks_for_it_is_remembered() {
    let Some(site) = Site::start().await else { return };
    site.member("ann").await;
    let (mut short, mut long) = (site.browser(), site.browser());
    assert!(!short.login("ann").await.sets_lasting_cookie());
    let fields = [("name", "ann"), ("password", PASSWORD), ("remember", "on")];
    assert!(long.post("/login", &fields).await.sets_lasting_cookie());
    site.clock.advance(Duration::from_secs(29 * 86_400));
    assert!(!short.is_signed_in().await);
    assert!(long.is_signed_in().await);
    site.clock.advance(Duration::from_secs(86_400));
    assert!(!long.is_signed_in().await);
}

#[crate::async_test]
async fn a_logout_is_final() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    let mut copy = ann.clone();
    assert_eq!(ann.post("/logout", &[]).await.location(), "/");
    assert!(ann.get("/").await.shows("You are signed out."));
    assert!(!copy.is_signed_in().await, "a copy of the cookie is dead");
}

#[crate::async_test]
async fn a_failed_login_does_not_say_whether_the_user_exists() {
    let Some(site) = Site::start().await else { return };
    site.member("ann").await;
    let mut answers = Vec::new();
    for name in ["ann", "bob", "no\0name"] {
        let page = site.browser().post("/login", &[("name", name), ("password", "a guess")]).await;
        assert_eq!(page.status, 401);
        assert!(page.shows("Wrong name or password."));
        answers.push(page.text);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(site.sessions.count().await.unwrap(), 1, "a failed login stores no session");
}

/// The hash takes tens of milliseconds, and the rest of a login two or three.
#[crate::async_test]
async fn a_failed_login_takes_as_long_for_an_unknown_user() {
    let Some(site) = Site::start().await else { return };
    site.member("ann").await;
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    // The shortest times have the least of what else the machine does.
    for round in 1..=40 {
        known = known.min(time_of_failure(site.browser(), "ann").await);
        unknown = unknown.min(time_of_failure(site.browser(), "bob").await);
        if round >= 5 && unknown * 2 > known {
            return;
        }
    }
    panic!("{unknown:?} for an unknown user, {known:?} for a known one");
}

async fn time_of_failure(mut browser: Browser<'_>, name: &str) -> Duration {
    let start = Instant::now();
    let page = browser.post("/login", &[("name", name), ("password", "a guess")]).await;
    assert_eq!(page.status, 401);
    start.elapsed()
}
