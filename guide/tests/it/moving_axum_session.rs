//! The program of the page on moving from axum_session, after a program with axum_session.

#![expect(dead_code, reason = "the program's `main` is not called")]

use async_trait::async_trait;
use axum::http::StatusCode;
use tokio::sync::Barrier;

use crate::support::Browser;

include!("../../programs/moving_axum_session.rs");

/// The application as it was before.
mod before {
    use axum::Router;
    use axum::extract::Query;
    use axum::routing::{get, post};
    use axum_session::{SessionConfig, SessionLayer, SessionStore};
    use serde::Deserialize;

    use super::Memory;

    type Session = axum_session::Session<Memory>;

    #[derive(Deserialize)]
    struct Name {
        name: String,
    }

    async fn put(session: Session, Query(thing): Query<Name>) {
        session.set("cart", [thing.name]);
    }

    async fn sign_in(session: Session, Query(user): Query<Name>) {
        session.renew();
        session.set("user", user.name);
    }

    async fn stay(session: Session) {
        session.set_longterm(true);
    }

    async fn sign_out(session: Session) {
        session.destroy();
    }

    async fn whoami(session: Session) -> String {
        session.get("user").unwrap()
    }

    pub(super) async fn app(pool: Memory) -> Router {
        let store = SessionStore::new(Some(pool), SessionConfig::default()).await.unwrap();
        Router::new()
            .route("/put", post(put))
            .route("/sign-in", post(sign_in))
            .route("/stay", post(stay))
            .route("/sign-out", post(sign_out))
            .route("/whoami", get(whoami))
            .layer(SessionLayer::new(store))
    }
}

/// A database in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    rows: Arc<std::sync::Mutex<HashMap<String, (String, i64)>>>,
    /// Where requests that have loaded wait for each other.
    barrier: Option<Arc<Barrier>>,
    /// Whether the database cannot be reached.
    fails: bool,
}

impl Memory {
    /// Returns the id and the text of the only row.
    pub(crate) fn only_row(&self) -> (String, String) {
        let rows = self.rows.lock().unwrap();
        assert_eq!(rows.len(), 1);
        let (id, (text, _)) = rows.iter().next().unwrap();
        (id.clone(), text.clone())
    }
}

#[async_trait]
impl DatabasePool for Memory {
    async fn initiate(&self, _: &str) -> Result<(), DatabaseError> {
        Ok(())
    }

    async fn count(&self, _: &str) -> Result<i64, DatabaseError> {
        Ok(i64::try_from(self.rows.lock().unwrap().len()).unwrap())
    }

    async fn store(&self, id: &str, session: &str, expires: i64, _: &str) -> Result<(), DatabaseError> {
        self.rows.lock().unwrap().insert(id.to_owned(), (session.to_owned(), expires));
        Ok(())
    }

    async fn load(&self, id: &str, _: &str) -> Result<Option<String>, DatabaseError> {
        if self.fails {
            return Err(DatabaseError::GenericAcquire("unreachable".to_owned()));
        }
        let row = self.rows.lock().unwrap().get(id).cloned();
        if let Some(barrier) = &self.barrier {
            barrier.wait().await;
        }
        Ok(row.filter(|(_, end)| *end > OffsetDateTime::now_utc().unix_timestamp()).map(|(session, _)| session))
    }

    async fn delete_one_by_id(&self, id: &str, _: &str) -> Result<(), DatabaseError> {
        self.rows.lock().unwrap().remove(id);
        Ok(())
    }

    async fn exists(&self, id: &str, _: &str) -> Result<bool, DatabaseError> {
        Ok(self.rows.lock().unwrap().contains_key(id))
    }

    async fn delete_by_expiry(&self, _: &str) -> Result<Vec<String>, DatabaseError> {
        Ok(Vec::new())
    }

    async fn delete_all(&self, _: &str) -> Result<(), DatabaseError> {
        self.rows.lock().unwrap().clear();
        Ok(())
    }

    async fn get_ids(&self, _: &str) -> Result<Vec<String>, DatabaseError> {
        Ok(self.rows.lock().unwrap().keys().cloned().collect())
    }

    fn auto_handles_expiry(&self) -> bool {
        false
    }
}

fn old(pool: Memory, grace: Duration) -> Old {
    let until = OffsetDateTime::now_utc() + Duration::days(1);
    Old { pool: SessionAnyPool::new(pool), until, grace, signed_out: Arc::default() }
}

fn sessions() -> Sessions {
    Sessions::builder().build().unwrap()
}

/// Signs a user in at the old application, with tea in the cart.
async fn signed_in(pool: &Memory, user: &str) -> Browser {
    let (before, mut browser) = (before::app(pool.clone()).await, Browser::default());
    assert_eq!(browser.post(&before, "/put?name=tea", "").await.status, 200);
    assert_eq!(browser.post(&before, &format!("/sign-in?name={user}"), "").await.status, 200);
    assert_eq!(browser.get(&before, "/whoami").await.body, user);
    browser
}

#[tokio::test]
async fn the_first_request_moves_user_and_cart() {
    let pool = Memory::default();
    let mut browser = signed_in(&pool, "ann").await;
    let app = app(sessions(), old(pool, Duration::MINUTE));
    for _ in 0..2 {
        assert_eq!(browser.get(&app, "/account").await.body, "ann with tea");
        assert_eq!(browser.value_of("session"), "");
        assert_eq!(browser.value_of("__Host-id").len(), 43);
    }
    browser.post(&app, "/sign-out", "").await;
    assert_eq!(browser.get(&app, "/account").await.body, "nobody with ");
}

#[tokio::test]
async fn a_user_who_wanted_to_stay_signed_in_stays() {
    let pool = Memory::default();
    let [mut stays, mut other] = [signed_in(&pool, "ann").await, signed_in(&pool, "ann").await];
    assert_eq!(stays.post(&before::app(pool.clone()).await, "/stay", "").await.status, 200);
    let app = app(sessions(), old(pool, Duration::MINUTE));
    let set_cookie = async |browser: &mut Browser| {
        let request =
            Request::get("/account").header(COOKIE, browser.cookie()).body(axum::body::Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(app.clone(), request).await.unwrap();
        let headers = response.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned());
        headers.into_iter().find(|header| header.starts_with("__Host-id=")).unwrap()
    };
    // 60 days, less what has passed of the first second.
    assert!(set_cookie(&mut stays).await.contains("; Max-Age=518"));
    assert!(!set_cookie(&mut other).await.contains("; Max-Age"));
}

#[tokio::test]
async fn a_cart_without_a_user_moves_too() {
    let (pool, mut browser) = (Memory::default(), Browser::default());
    browser.post(&before::app(pool.clone()).await, "/put?name=tea", "").await;
    let app = app(sessions(), old(pool, Duration::MINUTE));
    assert_eq!(browser.get(&app, "/account").await.body, "nobody with tea");
    assert_eq!(browser.get(&app, "/account").await.body, "nobody with tea");
}

#[tokio::test]
async fn a_used_cookie_opens_nothing_after_the_grace() {
    let pool = Memory::default();
    let mut browser = signed_in(&pool, "ann").await;
    let mut thief = browser.clone();
    let app = app(sessions(), old(pool.clone(), Duration::ZERO));
    assert_eq!(browser.get(&app, "/account").await.body, "ann with tea");
    assert_eq!(thief.get(&app, "/account").await.body, "nobody with ");
    assert_eq!(thief.cookie(), "");
    assert_eq!(signed_in(&pool, "bob").await.get(&before::app(pool).await, "/whoami").await.body, "bob");
}

#[tokio::test]
async fn uses_within_the_grace_do_not_extend_it() {
    let pool = Memory::default();
    let browser = signed_in(&pool, "ann").await;
    let id = browser.value_of("session");
    let app = app(sessions(), old(pool.clone(), Duration::MINUTE));
    assert_eq!(browser.clone().get(&app, "/account").await.body, "ann with tea");
    let end = pool.rows.lock().unwrap()[id].1;
    assert!(end <= (OffsetDateTime::now_utc() + Duration::MINUTE).unix_timestamp());
    // As if half of the minute had passed.
    pool.rows.lock().unwrap().get_mut(id).unwrap().1 = end - 30;
    assert_eq!(browser.clone().get(&app, "/account").await.body, "ann with tea");
    assert_eq!(pool.rows.lock().unwrap()[id].1, end - 30);
}

#[tokio::test]
async fn forged_and_unknown_cookies_open_nothing() {
    let pool = Memory::default();
    signed_in(&pool, "ann").await;
    let app = app(sessions(), old(pool, Duration::MINUTE));
    for value in ["", "x", "%00", "00000000-0000-0000-0000-000000000000", "'; DROP TABLE sessions", &"A".repeat(4000)] {
        let mut browser = Browser::default();
        browser.plant("session", value);
        assert_eq!(browser.get(&app, "/account").await.body, "nobody with ", "{value}");
        assert_eq!(browser.value_of("__Host-id"), "", "{value}");
    }
}

#[tokio::test]
async fn a_session_that_was_signed_out_stays_out() {
    let pool = Memory::default();
    let mut browser = signed_in(&pool, "ann").await;
    let mut thief = browser.clone();
    browser.post(&before::app(pool.clone()).await, "/sign-out", "").await;
    let app = app(sessions(), old(pool, Duration::MINUTE));
    for browser in [&mut browser, &mut thief] {
        assert_eq!(browser.get(&app, "/account").await.body, "nobody with ");
    }
}

#[tokio::test]
async fn old_cookies_open_nothing_after_the_end() {
    let pool = Memory::default();
    let mut browser = signed_in(&pool, "ann").await;
    let old = Old { until: OffsetDateTime::now_utc(), ..old(pool, Duration::MINUTE) };
    assert_eq!(browser.get(&app(sessions(), old), "/account").await.body, "nobody with ");
}

#[tokio::test]
async fn signing_out_everywhere_ends_sessions_not_moved_yet() {
    let pool = Memory::default();
    let [mut phone, mut laptop, mut bob] =
        [signed_in(&pool, "ann").await, signed_in(&pool, "ann").await, signed_in(&pool, "bob").await];
    let app = app(sessions(), old(pool, Duration::MINUTE));
    assert_eq!(laptop.get(&app, "/account").await.body, "ann with tea");
    assert_eq!(laptop.post(&app, "/sign-out-everywhere", "").await.body, "good bye");
    for browser in [&mut phone, &mut laptop] {
        assert_eq!(browser.get(&app, "/account").await.body, "nobody with ");
    }
    assert_eq!(bob.get(&app, "/account").await.body, "bob with tea");
}

#[tokio::test]
async fn a_planted_old_cookie_does_not_replace_a_session() {
    let pool = Memory::default();
    let mut ann = signed_in(&pool, "ann").await;
    let mallory = signed_in(&pool, "mallory").await;
    let app = app(sessions(), old(pool, Duration::MINUTE));
    ann.get(&app, "/account").await;
    ann.plant("session", mallory.value_of("session"));
    assert_eq!(ann.get(&app, "/account").await.body, "ann with tea");
    assert_eq!(ann.value_of("session"), "");
}

#[tokio::test]
async fn a_first_request_that_fails_moves_the_user() {
    let pool = Memory::default();
    let mut browser = signed_in(&pool, "ann").await;
    let (sessions, old) = (sessions(), old(pool, Duration::ZERO));
    let failing = Router::new().fallback(async || StatusCode::INTERNAL_SERVER_ERROR);
    let failing = failing.layer(from_fn_with_state(old.clone(), move_over)).layer(SessionLayer::new(sessions.clone()));
    assert_eq!(browser.get(&failing, "/").await.status, 500);
    assert_eq!(browser.get(&app(sessions, old), "/account").await.body, "ann with tea");
}

#[tokio::test]
async fn parallel_first_requests_are_all_signed_in() {
    let pool = Memory::default();
    let mut first = signed_in(&pool, "ann").await;
    let [mut second, mut late] = [first.clone(), first.clone()];
    let sessions = sessions();
    let meeting = app(
        sessions.clone(),
        old(Memory { barrier: Some(Arc::new(Barrier::new(2))), ..pool.clone() }, Duration::MINUTE),
    );
    let (one, other) = tokio::join!(first.get(&meeting, "/account"), second.get(&meeting, "/account"));
    assert_eq!([one.body, other.body], ["ann with tea", "ann with tea"]);
    // Whichever cookie arrives last, the browser is signed in.
    let app = app(sessions, old(pool, Duration::MINUTE));
    for browser in [&mut late, &mut first, &mut second] {
        assert_eq!(browser.get(&app, "/account").await.body, "ann with tea");
    }
}

#[tokio::test]
async fn an_outage_of_the_old_store_signs_nobody_out() {
    let pool = Memory::default();
    let mut browser = signed_in(&pool, "ann").await;
    let id = browser.value_of("session").to_owned();
    assert_eq!(
        browser
            .get(&app(sessions(), old(Memory { fails: true, ..pool.clone() }, Duration::MINUTE)), "/account")
            .await
            .status,
        503
    );
    assert_eq!(browser.cookie(), format!("session={id}"));
    assert_eq!(browser.get(&app(sessions(), old(pool, Duration::MINUTE)), "/account").await.body, "ann with tea");
}
