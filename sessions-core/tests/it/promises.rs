//! Promises that were once broken, each found by comparing the code with the docs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pollster::block_on;
use sessions_core::store::{MemoryStore, Store};
use sessions_core::{ErrorKind, Event, Expiry, LimitPolicy, Session, SessionId, Sessions, Timestamp};
use sessions_store::{Changes, Created, Cursor, Page, Record, Refusal, StoreFuture};

use crate::support::Fixture;

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn has_unsaved(fixture: &Fixture) -> bool {
    fixture.take_events().iter().any(|event| matches!(event, Event::Unsaved { .. }))
}

#[test]
fn a_request_that_stores_nothing_has_nothing_unsaved() {
    let deeds: [fn(&Session); 4] = [
        |session| {
            session.set("k", "v").unwrap();
            session.remove("k");
        },
        |session| {
            session.set_flash("k", "v").unwrap();
            assert!(session.flash::<String>("k").unwrap().is_some());
        },
        |session| {
            session.set("k", "v").unwrap();
            session.clear();
        },
        |session| {
            session.destroy();
            session.set("k", "v").unwrap();
            session.remove("k");
        },
    ];
    let mut failed = Vec::new();
    for (number, deed) in deeds.into_iter().enumerate() {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        if number == 3 {
            browser.set("a", "b");
        }
        let session = browser.start();
        deed(&session);
        browser.finish(&session, 200).unwrap();
        drop(session);
        if has_unsaved(&fixture) {
            failed.push(number);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn a_failed_renewal_is_not_reported_as_unsaved() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    let fixture2 = Fixture::with(|builder| {
        sessions_core::testing::with_entropy(builder.store(Arc::clone(&fixture.store)), |_| {
            Err(std::io::Error::other("none"))
        })
    });
    browser.sessions = fixture2.sessions.clone();
    let session = browser.start();
    session.renew();
    session.set("k", "v").unwrap();
    assert_eq!(browser.finish(&session, 200).unwrap_err().kind(), ErrorKind::Entropy);
    drop(session);
    assert!(!has_unsaved(&fixture2));
}

#[test]
fn a_save_of_a_shift_reports_its_failure() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    let session = browser.start();
    session.shift_expiration().unwrap();
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let saved = block_on(session.save());
    fixture.store.write_down.store(false, Ordering::SeqCst);
    assert!(saved.is_err(), "nothing was written");
}

#[test]
fn a_failed_late_touch_moves_no_deadline() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    fixture.clock.advance(20 * MINUTE);
    let session = browser.start();
    let stored = session.expires_at();
    fixture.store.late.store(true, Ordering::SeqCst);
    fixture.store.write_down.store(true, Ordering::SeqCst);
    assert!(block_on(session.save()).is_err());
    assert_eq!(session.expires_at(), stored);
}

#[test]
fn a_response_retries_a_failed_shift() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    fixture.clock.advance(20 * MINUTE);
    let session = browser.start();
    session.shift_expiration().unwrap();
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let _ = block_on(session.save());
    fixture.store.write_down.store(false, Ordering::SeqCst);
    browser.finish(&session, 200).unwrap();
    fixture.clock.advance(20 * MINUTE);
    assert_eq!(browser.get("a").as_deref(), Some("b"));
}

#[test]
fn take_removes_what_it_cannot_decode() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("code", "text").unwrap();
    assert_eq!(block_on(session.take::<u32>("code")).unwrap_err().kind(), ErrorKind::Decode);
    assert!(!session.contains("code"));
    let _ = browser.finish(&session, 200);
}

#[test]
fn a_long_request_replaces_no_later_successor() {
    let fixture = Fixture::with(|builder| builder.rotate_every(15 * MINUTE).idle(60 * MINUTE));
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    fixture.clock.advance(15 * MINUTE);
    let slow = browser.start();
    assert!(browser.visit(Session::principal).set_cookie.is_some());
    fixture.clock.advance(90 * SECOND);
    // The slow response has not arrived yet.
    let headers = block_on(slow.exchange().end(200)).unwrap();
    assert_eq!(browser.user().as_deref(), Some("ann"));
    drop(headers);
}

#[test]
fn a_destroy_with_a_farewell_after_the_headers_ends_the_session() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    let session = browser.start();
    browser.finish(&session, 200).unwrap();
    session.destroy();
    let _ = session.set_flash("bye", "bye");
    let saved = block_on(session.save());
    assert_eq!(fixture.count(), 0, "{saved:?}");
}

#[test]
fn a_refused_login_whose_session_ended_fails() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        fixture.browser().visit(|session| session.login("ann").unwrap());
        fixture.clock.advance(SECOND);
    }
    let store = Arc::clone(&fixture.store);
    let ends = Arc::new(AtomicUsize::new(0));
    let limited = Fixture::with(|builder| {
        builder
            .store(Arc::clone(&fixture.store))
            .clock(Arc::clone(&fixture.clock))
            .sessions_per_principal(1)
            .limit_policy(LimitPolicy::RefuseLogin)
            .on_event(move |event| {
                if let Event::Destroyed { .. } = event {
                    ends.fetch_add(1, Ordering::SeqCst);
                    store.write_down.store(true, Ordering::SeqCst);
                }
            })
    });
    let mut browser = limited.browser();
    let session = browser.start();
    session.login("ann").unwrap();
    let finished = browser.finish(&session, 200);
    fixture.store.write_down.store(false, Ordering::SeqCst);
    let user = browser.user();
    assert_eq!(finished.is_ok(), user.is_some(), "{:?}, {user:?}", finished.map(drop));
}

#[derive(Debug, Default)]
struct Flaky(Arc<AtomicBool>);

impl sessions_core::Seal for Flaky {
    fn seal(&self, token: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        if self.0.load(Ordering::SeqCst) { Err("the key server is down".into()) } else { Ok(token.to_owned()) }
    }
    fn open(&self, value: &str) -> Option<sessions_core::Opened> {
        Some(sessions_core::Opened::new(value.to_owned()))
    }
}

#[test]
fn a_read_does_not_fail_because_of_a_seal() {
    let flaky = Flaky::default();
    let is_down = Arc::clone(&flaky.0);
    let fixture = Fixture::with(|builder| builder.seal(flaky).expiry(Expiry::default().persistent_cookie(true)));
    let mut browser = fixture.browser();
    browser.set("a", "b");
    fixture.clock.advance(2 * MINUTE);
    is_down.store(true, Ordering::SeqCst);
    let session = browser.start();
    assert_eq!(session.lenient("a").text().as_deref(), Some("b"));
    browser.finish(&session, 200).unwrap();
}

/// A store whose first sweep panics.
#[derive(Debug, Default)]
struct SweepPanics {
    inner: MemoryStore,
    sweeps: AtomicUsize,
    sweeping: std::sync::Mutex<Option<std::sync::mpsc::Sender<()>>>,
}

impl Store for SweepPanics {
    fn name(&self) -> &'static str {
        "panics"
    }
    fn load(&self, id: SessionId, now: Timestamp) -> StoreFuture<Option<Record>> {
        self.inner.load(id, now)
    }
    fn create(&self, record: &Record) -> StoreFuture<Created> {
        self.inner.create(record)
    }
    fn commit(&self, base: &Record, changes: &Changes) -> StoreFuture<Result<Record, Refusal>> {
        self.inner.commit(base, changes)
    }
    fn destroy(&self, id: SessionId) -> StoreFuture<bool> {
        self.inner.destroy(id)
    }
    fn destroy_all(&self) -> StoreFuture<u64> {
        self.inner.destroy_all()
    }
    fn of_principal(&self, principal: &str, now: Timestamp) -> StoreFuture<Vec<Record>> {
        self.inner.of_principal(principal, now)
    }
    fn destroy_of_principal(&self, principal: &str, except: Option<SessionId>) -> StoreFuture<Vec<SessionId>> {
        self.inner.destroy_of_principal(principal, except)
    }
    fn count(&self) -> StoreFuture<u64> {
        self.inner.count()
    }
    fn scan(&self, from: Option<Cursor>, limit: usize, now: Timestamp) -> StoreFuture<Page> {
        self.inner.scan(from, limit, now)
    }
    fn sweep(&self, limit: usize, now: Timestamp) -> StoreFuture<Vec<SessionId>> {
        let _ = self.sweeping.lock().unwrap().as_ref().unwrap().send(());
        assert!(self.sweeps.fetch_add(1, Ordering::SeqCst) > 0, "a store's panic");
        self.inner.sweep(limit, now)
    }
}

#[test]
fn sweeping_goes_on_after_a_panic() {
    let (sweeping, sweeps) = std::sync::mpsc::channel();
    let store = Arc::new(SweepPanics { sweeping: Some(sweeping).into(), ..SweepPanics::default() });
    let sessions = Sessions::builder().store(Arc::clone(&store)).sweep_every(Duration::from_millis(1)).build().unwrap();
    for sweep in 1..=2 {
        assert_eq!(sweeps.recv_timeout(10 * SECOND), Ok(()), "sweep {sweep}");
    }
    drop(sessions);
}
