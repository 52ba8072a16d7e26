//! The program of the page on moving from tower-sessions, after a program with tower-sessions.

#![expect(dead_code, reason = "the program's `main` is not called")]

use async_trait::async_trait;
use axum::http::StatusCode;
use tokio::sync::Barrier;
use tower_sessions::session::Record;

use crate::support::Browser;

include!("../../programs/moving_tower_sessions.rs");

/// The application as it was before.
mod before {
    use axum::Router;
    use axum::extract::Query;
    use axum::routing::{get, post};
    use serde::Deserialize;
    use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

    #[derive(Deserialize)]
    struct Name {
        name: String,
    }

    async fn put(session: Session, Query(thing): Query<Name>) {
        session.insert("cart", [thing.name]).await.unwrap();
    }

    async fn sign_in(session: Session, Query(user): Query<Name>) {
        session.cycle_id().await.unwrap();
        session.insert("user", user.name).await.unwrap();
    }

    async fn sign_out(session: Session) {
        session.flush().await.unwrap();
    }

    pub(super) fn app(store: MemoryStore) -> Router {
        Router::new()
            .route("/put", post(put))
            .route("/sign-in", post(sign_in))
            .route("/sign-out", post(sign_out))
            .route("/whoami", get(async |session: Session| session.get::<String>("user").await.unwrap().unwrap()))
            .layer(SessionManagerLayer::new(store))
    }
}

fn old(store: impl SessionStore, grace: Duration) -> Old {
    let until = OffsetDateTime::now_utc() + Duration::DAY;
    Old { store: Arc::new(store), until, grace, signed_out: Arc::default() }
}

fn sessions() -> Sessions {
    Sessions::builder().build().unwrap()
}

/// Signs a user in at the old application, with tea in the cart.
async fn signed_in(store: &MemoryStore, user: &str) -> Browser {
    let (before, mut browser) = (before::app(store.clone()), Browser::default());
    assert_eq!(browser.post(&before, "/put?name=tea", "").await.status, 200);
    assert_eq!(browser.post(&before, &format!("/sign-in?name={user}"), "").await.status, 200);
    assert_eq!(browser.get(&before, "/whoami").await.body, user);
    browser
}

#[tokio::test]
async fn the_first_request_moves_user_and_cart() {
    let store = MemoryStore::default();
    let mut browser = signed_in(&store, "ann").await;
    let app = app(sessions(), old(store, Duration::MINUTE));
    for _ in 0..2 {
        assert_eq!(browser.get(&app, "/account").await.body, "ann with tea");
        assert_eq!(browser.value_of("id"), "");
        assert_eq!(browser.value_of("__Host-id").len(), 43);
    }
    browser.post(&app, "/sign-out", "").await;
    assert_eq!(browser.get(&app, "/account").await.body, "nobody with ");
}

#[tokio::test]
async fn a_cart_without_a_user_moves_too() {
    let (store, mut browser) = (MemoryStore::default(), Browser::default());
    browser.post(&before::app(store.clone()), "/put?name=tea", "").await;
    let app = app(sessions(), old(store, Duration::MINUTE));
    assert_eq!(browser.get(&app, "/account").await.body, "nobody with tea");
    assert_eq!(browser.get(&app, "/account").await.body, "nobody with tea");
}

#[tokio::test]
async fn a_used_cookie_opens_nothing_after_the_grace() {
    let store = MemoryStore::default();
    let mut browser = signed_in(&store, "ann").await;
    let mut thief = browser.clone();
    let app = app(sessions(), old(store.clone(), Duration::ZERO));
    assert_eq!(browser.get(&app, "/account").await.body, "ann with tea");
    assert_eq!(thief.get(&app, "/account").await.body, "nobody with ");
    assert_eq!(thief.cookie(), "");
    assert_eq!(signed_in(&store, "bob").await.get(&before::app(store), "/whoami").await.body, "bob");
}

#[tokio::test]
async fn uses_within_the_grace_do_not_extend_it() {
    let store = MemoryStore::default();
    let browser = signed_in(&store, "ann").await;
    let id: Id = browser.value_of("id").parse().unwrap();
    let app = app(sessions(), old(store.clone(), Duration::MINUTE));
    let mut ends = Vec::new();
    for _ in 0..2 {
        assert_eq!(browser.clone().get(&app, "/account").await.body, "ann with tea");
        ends.push(store.load(&id).await.unwrap().unwrap().expiry_date);
    }
    assert_eq!(ends[0], ends[1]);
    assert!(ends[0] <= OffsetDateTime::now_utc() + Duration::MINUTE);
}

#[tokio::test]
async fn forged_and_unknown_cookies_open_nothing() {
    let store = MemoryStore::default();
    signed_in(&store, "ann").await;
    let app = app(sessions(), old(store, Duration::MINUTE));
    for value in ["", "x", "%00", "AAAAAAAAAAAAAAAAAAAAAA", &Id::default().to_string(), &"A".repeat(4000)] {
        let mut browser = Browser::default();
        browser.plant("id", value);
        assert_eq!(browser.get(&app, "/account").await.body, "nobody with ", "{value}");
        assert_eq!(browser.value_of("__Host-id"), "", "{value}");
    }
}

#[tokio::test]
async fn a_session_that_was_signed_out_stays_out() {
    let store = MemoryStore::default();
    let mut browser = signed_in(&store, "ann").await;
    let mut thief = browser.clone();
    browser.post(&before::app(store.clone()), "/sign-out", "").await;
    let app = app(sessions(), old(store, Duration::MINUTE));
    for browser in [&mut browser, &mut thief] {
        assert_eq!(browser.get(&app, "/account").await.body, "nobody with ");
    }
}

#[tokio::test]
async fn old_cookies_open_nothing_after_the_end() {
    let store = MemoryStore::default();
    let mut browser = signed_in(&store, "ann").await;
    let old = Old { until: OffsetDateTime::now_utc(), ..old(store, Duration::MINUTE) };
    assert_eq!(browser.get(&app(sessions(), old), "/account").await.body, "nobody with ");
}

#[tokio::test]
async fn signing_out_everywhere_ends_sessions_not_moved_yet() {
    let store = MemoryStore::default();
    let [mut phone, mut laptop, mut bob] =
        [signed_in(&store, "ann").await, signed_in(&store, "ann").await, signed_in(&store, "bob").await];
    let app = app(sessions(), old(store, Duration::MINUTE));
    assert_eq!(laptop.get(&app, "/account").await.body, "ann with tea");
    assert_eq!(laptop.post(&app, "/sign-out-everywhere", "").await.body, "good bye");
    for browser in [&mut phone, &mut laptop] {
        assert_eq!(browser.get(&app, "/account").await.body, "nobody with ");
    }
    assert_eq!(bob.get(&app, "/account").await.body, "bob with tea");
}

#[tokio::test]
async fn a_planted_old_cookie_does_not_replace_a_session() {
    let store = MemoryStore::default();
    let mut ann = signed_in(&store, "ann").await;
    let mallory = signed_in(&store, "mallory").await;
    let app = app(sessions(), old(store, Duration::MINUTE));
    ann.get(&app, "/account").await;
    ann.plant("id", mallory.value_of("id"));
    assert_eq!(ann.get(&app, "/account").await.body, "ann with tea");
    assert_eq!(ann.value_of("id"), "");
}

#[tokio::test]
async fn a_first_request_that_fails_moves_the_user() {
    let store = MemoryStore::default();
    let mut browser = signed_in(&store, "ann").await;
    let (sessions, old) = (sessions(), old(store, Duration::ZERO));
    let failing = Router::new().fallback(async || StatusCode::INTERNAL_SERVER_ERROR);
    let failing = failing.layer(from_fn_with_state(old.clone(), move_over)).layer(SessionLayer::new(sessions.clone()));
    assert_eq!(browser.get(&failing, "/").await.status, 500);
    assert_eq!(browser.get(&app(sessions, old), "/account").await.body, "ann with tea");
}

/// A store whose first two requests have both loaded before either goes on.
#[derive(Debug)]
struct Meeting(MemoryStore, Barrier);

#[async_trait]
impl SessionStore for Meeting {
    async fn save(&self, record: &Record) -> session_store::Result<()> {
        self.0.save(record).await
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let record = self.0.load(id).await;
        self.1.wait().await;
        record
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.0.delete(id).await
    }
}

#[tokio::test]
async fn parallel_first_requests_are_all_signed_in() {
    let store = MemoryStore::default();
    let mut first = signed_in(&store, "ann").await;
    let [mut second, mut late] = [first.clone(), first.clone()];
    let sessions = sessions();
    let meeting = app(sessions.clone(), old(Meeting(store.clone(), Barrier::new(2)), Duration::MINUTE));
    let (one, other) = tokio::join!(first.get(&meeting, "/account"), second.get(&meeting, "/account"));
    assert_eq!([one.body, other.body], ["ann with tea", "ann with tea"]);
    // Whichever cookie arrives last, the browser is signed in.
    let app = app(sessions, old(store, Duration::MINUTE));
    for browser in [&mut late, &mut first, &mut second] {
        assert_eq!(browser.get(&app, "/account").await.body, "ann with tea");
    }
}

/// A store that cannot be reached.
#[derive(Clone, Debug)]
struct Unreachable;

#[async_trait]
impl SessionStore for Unreachable {
    async fn save(&self, _: &Record) -> session_store::Result<()> {
        Err(session_store::Error::Backend("unreachable".to_owned()))
    }

    async fn load(&self, _: &Id) -> session_store::Result<Option<Record>> {
        Err(session_store::Error::Backend("unreachable".to_owned()))
    }

    async fn delete(&self, _: &Id) -> session_store::Result<()> {
        Err(session_store::Error::Backend("unreachable".to_owned()))
    }
}

#[tokio::test]
async fn an_outage_of_the_old_store_signs_nobody_out() {
    let store = MemoryStore::default();
    let mut browser = signed_in(&store, "ann").await;
    let id = browser.value_of("id").to_owned();
    assert_eq!(browser.get(&app(sessions(), old(Unreachable, Duration::MINUTE)), "/account").await.status, 503);
    assert_eq!(browser.cookie(), format!("id={id}"));
    assert_eq!(browser.get(&app(sessions(), old(store, Duration::MINUTE)), "/account").await.body, "ann with tea");
}
