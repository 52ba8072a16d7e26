//! Signing in at a provider.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use url::Url;

use crate::shared::browser::{Browser, PASSWORD, Page};
use crate::site::Site;

/// Signs in at the provider, and returns the last page and the address that led to it.
pub(crate) async fn sign_in(site: &Site, browser: &mut Browser<'_>) -> (Page, String) {
    let callback = approved(site, &begin(browser).await);
    (browser.get(&callback).await, callback)
}

/// Begins a sign-in, and returns what the provider is asked.
async fn begin(browser: &mut Browser<'_>) -> HashMap<String, String> {
    let page = browser.post("/oauth", &[("next", "/devices")]).await;
    let url = Url::parse(page.location()).unwrap();
    assert_eq!(url.path(), "/authorize");
    url.query_pairs().into_owned().collect()
}

/// Returns the path that the provider sends the browser back to.
fn approved(site: &Site, request: &HashMap<String, String>) -> String {
    let url = Url::parse(&site.provider.approve(request)).unwrap();
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// Makes the password that the user entered at the provider an hour old.
fn age_login(site: &Site) {
    site.provider.shared.password_at.fetch_sub(60 * 60, Ordering::Relaxed);
}

#[tokio::test]
async fn a_provider_signs_in_the_same_user_each_time() {
    let Some(site) = Site::start().await else { return };
    let mut iris = site.browser();
    assert_eq!(sign_in(&site, &mut iris).await.0.location(), "/devices");
    assert!(iris.get("/account").await.shows(">iris<"));
    site.provider.is_used_by("7", "renamed");
    let mut again = site.browser();
    sign_in(&site, &mut again).await;
    assert!(again.get("/account").await.shows(">iris<"));
    assert!(again.get("/devices").await.shows("Sign out</button>"), "the list has both");
}

#[tokio::test]
async fn a_name_at_the_provider_opens_no_account_here() {
    let Some(site) = Site::start().await else { return };
    site.member("Iris").await;
    site.member("iris-2").await;
    let mut other = site.browser();
    sign_in(&site, &mut other).await;
    assert!(other.get("/account").await.shows(">iris-4<"));
    site.provider.is_used_by("9", "no name <b>");
    let mut nameless = site.browser();
    sign_in(&site, &mut nameless).await;
    assert!(nameless.get("/account").await.shows(">member<"));
}

const SLOW_INSERT: &str = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
    'BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END'; \
    CREATE TRIGGER wait BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION wait()";

#[tokio::test]
async fn first_visits_at_once_make_one_user() {
    let Some(site) = Site::start().await else { return };
    let mut browsers = [site.browser(), site.browser(), site.browser(), site.browser()];
    let mut callbacks = Vec::new();
    for browser in &mut browsers {
        callbacks.push(approved(&site, &begin(browser).await));
    }
    // Slow enough that all of them look for the user before one is there.
    sqlx::raw_sql(SLOW_INSERT).execute(&site.database).await.unwrap();
    let [a, b, c, d] = &mut browsers;
    let pages = tokio::join!(a.get(&callbacks[0]), b.get(&callbacks[1]), c.get(&callbacks[2]), d.get(&callbacks[3]));
    for page in [pages.0, pages.1, pages.2, pages.3] {
        assert_eq!(page.location(), "/devices", "{page:?}");
    }
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&site.database).await.unwrap();
    assert_eq!(users, 1);
}

#[tokio::test]
async fn a_replay_is_refused() {
    let Some(site) = Site::start().await else { return };
    let mut iris = site.browser();
    let request = begin(&mut iris).await;
    let callback = approved(&site, &request);
    assert_eq!(iris.get(&callback).await.location(), "/devices");
    // Not because the code is used up: the provider has issued another one.
    for replay in [callback, approved(&site, &request)] {
        let page = iris.get(&replay).await;
        assert_eq!(page.status, 400);
        assert!(page.shows("used already"), "{page:?}");
    }
    assert!(iris.is_signed_in().await);
}

#[tokio::test]
async fn of_racing_answers_one_signs_in() {
    let Some(site) = Site::start().await else { return };
    let mut one = site.browser();
    let request = begin(&mut one).await;
    let mut other = one.clone();
    let (first, second) = (approved(&site, &request), approved(&site, &request));
    let (first, second) = tokio::join!(one.get(&first), other.get(&second));
    let signed_in = [&first, &second].into_iter().filter(|page| page.location() == "/devices").count();
    assert_eq!(signed_in, 1, "{first:?} {second:?}");
}

#[tokio::test]
async fn a_foreign_state_is_refused() {
    let Some(site) = Site::start().await else { return };
    let (mut attacker, mut victim) = (site.browser(), site.browser());
    let foreign = approved(&site, &begin(&mut attacker).await);
    begin(&mut victim).await;
    // An attacker's link would sign the victim in to the attacker's account.
    for mut browser in [victim, site.browser()] {
        assert_eq!(browser.get(&foreign).await.status, 400);
        assert!(!browser.is_signed_in().await);
    }
    for missing in ["/oauth/callback", "/oauth/callback?code=code-0"] {
        begin(&mut attacker).await;
        assert_eq!(attacker.get(missing).await.status, 400);
    }
}

#[tokio::test]
async fn a_code_of_another_sign_in_is_refused_by_the_provider() {
    let Some(site) = Site::start().await else { return };
    let (mut thief, mut victim) = (site.browser(), site.browser());
    let stolen = approved(&site, &begin(&mut victim).await);
    let code = stolen.split(['=', '&']).nth(1).unwrap();
    let own = begin(&mut thief).await;
    let page = thief.get(&format!("/oauth/callback?code={code}&state={}", own["state"])).await;
    assert_eq!(page.status, 502, "the verifier is not that of the code");
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn a_denial_is_said_plainly() {
    let Some(site) = Site::start().await else { return };
    let mut iris = site.browser();
    let state = begin(&mut iris).await.remove("state").unwrap();
    let page = iris.get(&format!("/oauth/callback?error=access_denied&state={state}")).await;
    assert_eq!(page.status, 400);
    assert!(page.shows("did not sign you in"));
}

#[tokio::test]
async fn a_member_without_a_password_confirms_at_the_provider() {
    let Some(site) = Site::start().await else { return };
    let mut iris = site.browser();
    sign_in(&site, &mut iris).await;
    site.clock.advance(Duration::from_secs(11 * 60));
    assert_eq!(iris.get("/account/password").await.location(), "/confirm?next=/account/password");
    assert!(iris.get("/confirm?next=/account/password").await.shows("action=\"/oauth\""));
    assert_eq!(iris.post("/confirm", &[("password", "")]).await.status, 401);
    let request = begin(&mut iris).await;
    assert_eq!((request["prompt"].as_str(), request["max_age"].as_str()), ("login", "0"), "the provider asks again");
    iris.get(&approved(&site, &request)).await;
    assert_eq!(iris.get("/account/password").await.status, 200);
    assert_eq!(iris.post("/account/password", &[("password", PASSWORD)]).await.location(), "/account");
    assert_eq!(site.browser().login("iris").await.location(), "/account");
}

/// Whoever comes to an unlocked browser could sign out there, and in again without a password.
#[tokio::test]
async fn an_old_login_at_the_provider_proves_nothing() {
    let Some(site) = Site::start().await else { return };
    let mut iris = site.browser();
    sign_in(&site, &mut iris).await;
    age_login(&site);
    iris.post("/logout", &[]).await;
    assert_eq!(sign_in(&site, &mut iris).await.0.location(), "/devices");
    assert!(iris.is_signed_in().await);
    assert_eq!(iris.get("/account/password").await.location(), "/confirm?next=/account/password");
    let refused = iris.post("/account/password", &[("password", PASSWORD)]).await;
    assert_eq!(refused.location(), "/confirm?next=/account/password");
    assert_eq!(site.browser().login("iris").await.status, 401, "there is no password");
    // The password at the provider does prove who it is, and so does the one here afterwards.
    sign_in(&site, &mut iris).await;
    assert_eq!(iris.post("/account/password", &[("password", PASSWORD)]).await.location(), "/account");
    iris.post("/logout", &[]).await;
    age_login(&site);
    for (path, fields) in
        [("/confirm", vec![("password", PASSWORD)]), ("/login", vec![("name", "iris"), ("password", PASSWORD)])]
    {
        let mut iris = site.browser();
        sign_in(&site, &mut iris).await;
        assert_eq!(iris.get("/account/password").await.status, 303);
        iris.post(path, &fields).await;
        assert_eq!(iris.get("/account/password").await.status, 200, "{path}");
    }
}

/// `prompt` and `max_age` go through the browser, whose user can remove them.
#[tokio::test]
async fn a_confirmation_without_a_new_login_is_none() {
    let Some(site) = Site::start().await else { return };
    let mut iris = site.browser();
    sign_in(&site, &mut iris).await;
    site.clock.advance(Duration::from_secs(11 * 60));
    age_login(&site);
    let mut request = begin(&mut iris).await;
    request.remove("prompt");
    request.remove("max_age");
    assert_eq!(iris.get(&approved(&site, &request)).await.location(), "/devices");
    assert_eq!(iris.get("/account/password").await.location(), "/confirm?next=/account/password");
    assert!(iris.get("/confirm").await.shows("did not ask for your password"));
}

#[tokio::test]
async fn a_provider_without_login_times_confirms_nothing() {
    let Some(site) = Site::start().await else { return };
    site.provider.shared.hides_auth_time.store(true, Ordering::Relaxed);
    let mut iris = site.browser();
    for _ in 0..2 {
        sign_in(&site, &mut iris).await;
        assert!(iris.is_signed_in().await);
        assert_eq!(iris.get("/account/password").await.location(), "/confirm?next=/account/password");
    }
}

#[tokio::test]
async fn a_confirmation_at_the_provider_keeps_the_login() {
    let Some(site) = Site::start().await else { return };
    let mut iris = site.browser();
    sign_in(&site, &mut iris).await;
    iris.post("/account/password", &[("password", PASSWORD)]).await;
    let fields = [("name", "iris"), ("password", PASSWORD), ("remember", "on")];
    assert!(iris.post("/login", &fields).await.sets_lasting_cookie());
    let (page, _) = sign_in(&site, &mut iris).await;
    assert!(page.sets_lasting_cookie(), "{page:?}");
    // Somebody else does not go on in her session.
    site.provider.is_used_by("8", "oscar");
    let (page, _) = sign_in(&site, &mut iris).await;
    assert!(!page.sets_lasting_cookie(), "{page:?}");
    assert!(iris.get("/account").await.shows(">oscar<"));
}

#[tokio::test]
async fn a_member_without_a_password_looks_like_no_member() {
    let Some(site) = Site::start().await else { return };
    sign_in(&site, &mut site.browser()).await;
    let mut answers = Vec::new();
    for name in ["iris", "nobody"] {
        let page = site.browser().post("/login", &[("name", name), ("password", "a guess")]).await;
        assert_eq!(page.status, 401);
        answers.push(page.text);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(site.sessions.count().await.unwrap(), 1, "a failed login stores no session");
}

#[tokio::test]
async fn another_site_begins_no_sign_in() {
    let Some(site) = Site::start().await else { return };
    for origin in ["cross-site", "same-site"] {
        let page = site.browser().post_from(origin, "/oauth", &[]).await;
        assert_eq!(page.status, 403, "{origin}");
        assert!(page.shows("Another site sent this request"), "{page:?}");
    }
}
