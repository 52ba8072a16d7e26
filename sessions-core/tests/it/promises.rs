//! Promises that were once broken, each found by comparing the code with the docs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pollster::block_on;
use sessions_core::record::{Changes, Record, Refusal};
use sessions_core::store::{Created, Cursor, MemoryStore, Page, Store, StoreFuture};
use sessions_core::{ErrorKind, Event, Expiry, LimitPolicy, Session, SessionId, Sessions, Timestamp};

use crate::support::{Fixture, poll};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn has_unsaved(fixture: &Fixture) -> bool {
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

/// The handle showed nobody meanwhile, so a login of somebody else kept the entries.
#[test]
fn a_login_on_its_way_to_a_new_session_is_shown() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    let session = browser.start();
    block_on(fixture.sessions.destroy_principal("ann")).unwrap();
    session.login("ann").unwrap();
    session.set("k", "v").unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    let mut save = Box::pin(session.save());
    // The store answers that the session has ended, and is asked what became of it.
    assert!(poll(save.as_mut()).is_pending() && poll(save.as_mut()).is_pending());
    assert_eq!((session.principal().as_deref(), session.len()), (Some("ann"), 1));
    drop(save);
    fixture.store.late.store(false, Ordering::SeqCst);
    session.login("ben").unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!((browser.user().as_deref(), browser.get("k")), (Some("ben"), None));
}

/// The response removed the cookie, and the session lived on.
#[test]
fn a_destroy_beside_the_response_claims_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    let session = browser.start();
    session.set("k", "v").unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    let mut end = Box::pin(session.exchange().end(200));
    assert!(poll(end.as_mut()).is_pending());
    session.destroy();
    assert_eq!(block_on(end).unwrap().take_set_cookie(), None);
    assert_eq!(fixture.count(), 1, "the commit had begun before");
    block_on(session.save()).unwrap();
    assert_eq!(fixture.count(), 0);
}

/// The entry was stored in the session of a visitor who had not signed in.
#[test]
fn a_failed_login_takes_what_was_written_since() {
    for is_response in [false, true] {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        browser.set("a", "b");
        let session = browser.start();
        browser.clone().visit(|session| session.set_immutable("plan", "free").unwrap());
        session.login("ann").unwrap();
        session.set("plan", "pro").unwrap();
        fixture.store.late.store(true, Ordering::SeqCst);
        fixture.store.write_down.store(is_response, Ordering::SeqCst);
        if is_response {
            let mut end = Box::pin(session.exchange().end(200));
            assert!(poll(end.as_mut()).is_pending());
            session.set("k", "v").unwrap();
            assert_eq!(block_on(end).unwrap_err().kind(), ErrorKind::StoreUnavailable);
        } else {
            let mut save = Box::pin(session.save());
            assert!(poll(save.as_mut()).is_pending());
            session.set("k", "v").unwrap();
            assert_eq!(block_on(save).unwrap_err().kind(), ErrorKind::Conflict);
        }
        fixture.store.write_down.store(false, Ordering::SeqCst);
        assert_eq!((session.principal(), session.get::<String>("k").unwrap()), (None, None));
        assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::Gone);
        drop(session);
        assert_eq!((browser.get("a").as_deref(), browser.get("k")), (Some("b"), None));
    }
}

/// The client kept no cookie of the session that the save had stored.
#[test]
fn a_failed_login_keeps_the_cookie_of_an_earlier_save() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("a", "b").unwrap();
    block_on(session.save()).unwrap();
    fixture.take_events();
    session.login("ann").unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let mut end = Box::pin(session.exchange().end(200));
    assert!(poll(end.as_mut()).is_pending());
    session.set("k", "v").unwrap();
    let error = block_on(end).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
    assert!(has_unsaved(&fixture), "the later write is reported");
    browser.keep(&error.into_parts().1.take_set_cookie().unwrap());
    fixture.store.write_down.store(false, Ordering::SeqCst);
    assert_eq!((browser.get("a").as_deref(), browser.user()), (Some("b"), None));
}

/// The saved destroy ended neither session.
#[test]
fn a_failed_login_behind_a_destroy_of_two_sessions_keeps_it() {
    let fixture = Fixture::new();
    let [mut one, mut other] = [fixture.browser(), fixture.browser()];
    one.set("a", "b");
    other.set("a", "b");
    let both = [one.cookie.clone().unwrap(), other.cookie.clone().unwrap()].join("; ");
    let session = block_on(fixture.sessions.open().session([both.as_bytes()])).unwrap();
    session.destroy();
    session.login("ann").unwrap();
    session.set_flash("k", "v").unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let mut end = Box::pin(session.exchange().end(200));
    assert!(poll(end.as_mut()).is_pending());
    assert_eq!(session.flash::<String>("k").unwrap().as_deref(), Some("v"));
    assert_eq!(block_on(end).unwrap_err().kind(), ErrorKind::StoreUnavailable);
    fixture.store.write_down.store(false, Ordering::SeqCst);
    block_on(session.save()).unwrap();
    assert_eq!(fixture.count(), 0);
}

/// The client kept the cookie of the session that the request had ended.
#[test]
fn a_second_destroy_keeps_the_removal_of_the_cookie() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    let session = browser.start();
    session.destroy();
    session.set("bye", "bye").unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    let mut end = Box::pin(session.exchange().end(200));
    assert_eq!(fixture.count(), 0, "the session has ended, and the next one is not created yet");
    while fixture.count() == 0 {
        assert!(poll(end.as_mut()).is_pending());
    }
    session.destroy();
    let removal = block_on(end).unwrap().take_set_cookie().unwrap();
    assert!(removal.contains("Max-Age=0"), "{removal}");
}

/// The handle showed nobody meanwhile, so a login of somebody else kept the entries.
#[test]
fn a_login_behind_a_running_destroy_is_shown() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    let session = browser.start();
    session.destroy();
    session.login("ann").unwrap();
    session.set("k", "v").unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    let mut save = Box::pin(session.save());
    assert!(poll(save.as_mut()).is_pending());
    assert_eq!((session.principal().as_deref(), session.len()), (Some("ann"), 1));
    session.login("ben").unwrap();
    block_on(save).unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!((browser.user().as_deref(), browser.get("k")), (Some("ben"), None));
}

/// The second login dropped nothing, since the first one was to do it.
#[test]
fn a_login_above_a_failed_one_gets_no_entries_of_others() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann").unwrap();
        session.set("k", "v").unwrap();
    });
    let session = browser.start();
    session.login("ben").unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let mut end = Box::pin(session.exchange().end(200));
    assert!(poll(end.as_mut()).is_pending());
    session.login("ben").unwrap();
    assert_eq!(block_on(end).unwrap_err().kind(), ErrorKind::StoreUnavailable);
    assert_eq!((session.principal(), session.get::<String>("k").unwrap()), (None, None));
}

/// The entry was dropped, and the response was a success.
#[test]
fn a_refused_save_before_a_destroy_drops_no_farewell() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    let session = browser.start();
    session.set("k", "v").unwrap();
    block_on(fixture.sessions.destroy_all()).unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    let mut save = Box::pin(session.save());
    assert!(poll(save.as_mut()).is_pending());
    drop(save);
    session.destroy();
    session.set("bye", "bye").unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!((browser.get("k"), browser.get("bye").as_deref()), (None, Some("bye")));
}

/// The handle showed the principal before, whose session had expired.
#[test]
fn a_login_under_way_on_an_expired_session_is_shown() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann").unwrap();
        session.set("k", "v").unwrap();
    });
    let session = browser.start();
    fixture.clock.advance(31 * MINUTE);
    session.login("ben").unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    let mut save = Box::pin(session.save());
    for _ in 0..3 {
        assert!(poll(save.as_mut()).is_pending());
        assert_eq!((session.principal().as_deref(), session.len()), (Some("ben"), 0));
    }
    block_on(save).unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!((browser.user().as_deref(), browser.get("k")), (Some("ben"), None));
}

/// The handle showed nobody, and a flash for the principal.
#[test]
fn a_failed_login_behind_a_destroy_takes_its_flashes() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    let session = browser.start();
    session.destroy();
    session.login("ann").unwrap();
    session.set_flash("k", "v").unwrap();
    fixture.store.late.store(true, Ordering::SeqCst);
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let mut end = Box::pin(session.exchange().end(200));
    assert!(poll(end.as_mut()).is_pending());
    assert_eq!(session.flash::<String>("k").unwrap().as_deref(), Some("v"));
    assert_eq!(block_on(end).unwrap_err().kind(), ErrorKind::StoreUnavailable);
    fixture.store.write_down.store(false, Ordering::SeqCst);
    assert_eq!((session.principal(), session.has_flash()), (None, false));
    block_on(session.save()).unwrap();
    assert_eq!(fixture.count(), 0, "the destroy is saved");
}

/// The token from before the login read what was written after it.
#[test]
fn an_update_that_tries_again_saves_a_login_first() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "one");
    let session = browser.start();
    browser.set("k", "two");
    fixture.store.late.store(true, Ordering::SeqCst);
    let writer = session.clone();
    let change = move |_: Option<String>| writer.principal().unwrap_or_default();
    let mut update = Box::pin(session.update("k", change));
    assert!(poll(update.as_mut()).is_pending());
    session.login("ann").unwrap();
    assert_eq!(block_on(update).unwrap(), "ann");
    assert_eq!(browser.clone().get("k"), None);
    browser.finish(&session, 200).unwrap();
    assert_eq!(browser.get("k").as_deref(), Some("ann"));
}
