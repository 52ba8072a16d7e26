//! Sessions while their commit is running, and saves whose future is dropped.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use pollster::block_on;
use sessions_core::adapter::Exchange;
use sessions_core::{Error, ErrorKind, Event, Session};

use crate::support::{Browser, Fixture, poll};

type Save<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// Begins a save that the store has performed but not answered yet.
fn begin_save<'a>(fixture: &Fixture, session: &'a Session) -> Save<'a> {
    fixture.begin(|| session.save())
}

fn with_cart() -> (Fixture, Browser, Session) {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("cart", "full");
    let session = browser.start();
    (fixture, browser, session)
}

#[test]
fn response_finishes_a_dropped_login_save() {
    let (fixture, mut browser, session) = with_cart();
    session.login("ann").unwrap();
    drop(begin_save(&fixture, &session));
    browser.finish(&session, 200).unwrap();
    assert_eq!((browser.user().as_deref(), browser.get("cart").as_deref()), (Some("ann"), Some("full")));
}

#[test]
fn increment_in_a_dropped_save_counts_once() {
    let (fixture, mut browser, session) = with_cart();
    session.increment("n", 1).unwrap();
    drop(begin_save(&fixture, &session));
    session.increment("n", 1).unwrap();
    block_on(session.save()).unwrap();
    drop(session);
    assert_eq!(browser.visit(|session| session.lenient("n").i64()).result, Some(2));
}

#[test]
fn dropped_save_is_retried_or_its_refusal_reported() {
    let (fixture, mut browser, session) = with_cart();
    fixture.store.write_down.store(true, SeqCst);
    session.set("a", "1").unwrap();
    drop(begin_save(&fixture, &session));
    fixture.store.write_down.store(false, SeqCst);
    browser.finish(&session, 200).unwrap();
    assert_eq!(browser.get("a").as_deref(), Some("1"));

    let session = browser.start();
    session.set("a", "2").unwrap();
    browser.clone().visit(|session| session.destroy());
    drop(begin_save(&fixture, &session));
    assert_eq!(browser.finish(&session, 200).unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn a_dropped_save_after_a_destroy_is_reported() {
    let (fixture, mut browser, session) = with_cart();
    session.destroy();
    session.set("a", "1").unwrap();
    block_on(session.save()).unwrap();
    session.set("a", "2").unwrap();
    block_on(fixture.sessions.destroy_all()).unwrap();
    drop(begin_save(&fixture, &session));
    assert_eq!(browser.finish(&session, 200).unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn unfinished_dropped_save_is_reported() {
    let (fixture, mut browser, session) = with_cart();
    browser.finish(&session, 200).unwrap();
    session.set("a", "1").unwrap();
    drop(begin_save(&fixture, &session));
    fixture.take_events();
    drop(session);
    assert!(matches!(fixture.take_events()[..], [Event::Unsaved { id: Some(_), .. }]));
}

/// Clients can cause each of these, and could otherwise fill the log with warnings.
#[test]
fn refused_writes_are_not_reported_as_unsaved() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    let write = |exchange: Exchange, cookies: &[&[u8]]| {
        fixture.take_events();
        let session = block_on(exchange.session(cookies.iter().copied())).unwrap();
        session.set("k", "v").unwrap();
        session.renew();
        let answer = block_on(session.exchange().end(200));
        drop((session, exchange));
        let unsaved = fixture.take_events().iter().any(|event| matches!(event, Event::Unsaved { .. }));
        assert!(!unsaved);
        answer.err().map(|error| error.kind())
    };
    let many: Vec<String> = (0..300).map(|_| format!("{}=x", fixture.sessions.cookie_name())).collect();
    let many: Vec<&[u8]> = many.iter().map(String::as_bytes).collect();
    assert_eq!(write(fixture.sessions.open(), &many), Some(ErrorKind::TooManyTokens));
    assert_eq!(write(fixture.sessions.open_for("OPTIONS"), &[]), None);
    let old = browser.cookie.clone().unwrap();
    browser.visit(Session::renew);
    assert_eq!(write(fixture.sessions.open(), &[old.as_bytes()]), Some(ErrorKind::Gone));
}

#[test]
fn response_waits_for_a_running_save() {
    let fixture = Fixture::with(|builder| builder.sessions_per_principal(None));
    let mut browser = fixture.browser();
    let exchange = fixture.sessions.open();
    let session = block_on(exchange.session([])).unwrap();
    session.login("ann").unwrap();
    let mut save = begin_save(&fixture, &session);
    let mut head = pin!(exchange.end(200));
    assert!(poll(head.as_mut()).is_pending());
    assert!(poll(save.as_mut()).is_ready());
    drop(save);
    let cookie = block_on(head).unwrap().take_set_cookie().unwrap();
    browser.keep(&cookie);
    assert_eq!(browser.user().as_deref(), Some("ann"));
}

#[test]
fn saves_run_one_at_a_time() {
    let (fixture, mut browser, session) = with_cart();
    session.set("a", "1").unwrap();
    let mut one = begin_save(&fixture, &session);
    session.set("a", "2").unwrap();
    session.set("b", "1").unwrap();
    let mut other: Save<'_> = Box::pin(session.save());
    assert!(poll(other.as_mut()).is_pending());
    assert_eq!(browser.get("a").as_deref(), Some("1"));
    assert!(poll(one.as_mut()).is_ready());
    block_on(other).unwrap();
    let seen = |key| session.lenient(key).text();
    assert_eq!((seen("a").as_deref(), seen("b").as_deref()), (Some("2"), Some("1")));
    assert_eq!((browser.get("a").as_deref(), browser.get("b").as_deref()), (Some("2"), Some("1")));
}

#[test]
fn destroy_ends_a_session_being_created() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.login("ann").unwrap();
    let save = begin_save(&fixture, &session);
    session.destroy();
    block_on(save).unwrap();
    let answer = browser.finish(&session, 200).unwrap();
    assert_eq!((browser.user(), fixture.count(), answer.set_cookie), (None, 0, None));
}

#[test]
fn destroy_during_a_renewal_removes_the_cookie() {
    let (fixture, mut browser, session) = with_cart();
    session.renew();
    let save = begin_save(&fixture, &session);
    session.destroy();
    block_on(save).unwrap();
    assert!(session.is_empty());
    let answer = browser.finish(&session, 200).unwrap();
    assert_eq!(fixture.count(), 0);
    assert!(answer.set_cookie.unwrap().contains("Max-Age=0"));
}

#[test]
fn destroy_during_a_failing_save_stays() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("k", "v").unwrap();
    fixture.store.write_down.store(true, SeqCst);
    let save = begin_save(&fixture, &session);
    session.destroy();
    block_on(save).unwrap_err();
    fixture.store.write_down.store(false, SeqCst);
    browser.finish(&session, 200).unwrap();
    assert_eq!((session.is_empty(), fixture.count()), (true, 0));
}

#[test]
fn pending_writes_are_visible_and_replaceable() {
    let (fixture, mut browser, session) = with_cart();
    session.set("cart", "half").unwrap();
    session.increment("n", 1).unwrap();
    let save = begin_save(&fixture, &session);
    assert_eq!((session.lenient("cart").text().as_deref(), session.lenient("n").i64()), (Some("half"), Some(1)));
    session.set("cart", "full").unwrap();
    assert_eq!(session.increment("n", 1).unwrap(), 2);
    block_on(save).unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!(browser.get("cart").as_deref(), Some("full"));
    assert_eq!(browser.visit(|session| session.lenient("n").i64()).result, Some(2));
}

#[test]
fn new_session_is_visible_until_its_store_fails() {
    let fixture = Fixture::new();
    let session = fixture.browser().start();
    session.set("a", "1").unwrap();
    fixture.store.write_down.store(true, SeqCst);
    let save = begin_save(&fixture, &session);
    assert_eq!(session.lenient("a").text().as_deref(), Some("1"));
    session.set("b", "1").unwrap();
    assert_eq!(block_on(save).unwrap_err().kind(), ErrorKind::StoreUnavailable);
    fixture.store.write_down.store(false, SeqCst);
    assert_eq!((session.len(), session.id(), session.expires_at()), (2, None, None));
    block_on(session.save()).unwrap();
    assert_eq!((session.len(), fixture.count()), (2, 1));
}

#[test]
fn failed_save_keeps_newer_writes_on_top() {
    let (fixture, mut browser, session) = with_cart();
    session.set("a", "1").unwrap();
    session.increment("n", 1).unwrap();
    fixture.store.write_down.store(true, SeqCst);
    let save = begin_save(&fixture, &session);
    session.set("b", "1").unwrap();
    session.increment("n", 1).unwrap();
    assert_eq!(block_on(save).unwrap_err().kind(), ErrorKind::StoreUnavailable);
    fixture.store.write_down.store(false, SeqCst);
    block_on(session.save()).unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!((browser.get("a").as_deref(), browser.get("b").as_deref()), (Some("1"), Some("1")));
    assert_eq!(browser.visit(|session| session.lenient("n").i64()).result, Some(2));
}

#[test]
fn reload_waits_for_a_running_renewal() {
    let (fixture, mut browser, session) = with_cart();
    session.renew();
    let mut save = begin_save(&fixture, &session);
    let mut reload: Save<'_> = Box::pin(session.reload());
    assert!(poll(reload.as_mut()).is_pending());
    assert!(poll(save.as_mut()).is_ready());
    block_on(reload).unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!(browser.get("cart").as_deref(), Some("full"));
}

#[test]
fn end_of_a_save_wakes_waiting_tasks() {
    #[derive(Default)]
    struct Woken(AtomicUsize);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let (fixture, _, session) = with_cart();
    session.set("a", "1").unwrap();
    let save = begin_save(&fixture, &session);
    let woken = [Arc::new(Woken::default()), Arc::new(Woken::default())];
    let mut waiting = woken.each_ref().map(|_| -> Save<'_> { Box::pin(session.reload()) });
    for (reload, woken) in waiting.iter_mut().zip(&woken) {
        let waker = Waker::from(Arc::clone(woken));
        assert!(reload.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(reload.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(woken.each_ref().map(|woken| woken.0.load(SeqCst)), [0, 0]);
    block_on(save).unwrap();
    assert_eq!(woken.each_ref().map(|woken| woken.0.load(SeqCst)), [1, 1]);
}

#[test]
fn login_on_a_gone_session_can_retry() {
    let (fixture, mut browser, session) = with_cart();
    session.login("ann").unwrap();
    browser.clone().visit(|session| session.destroy());
    let save = begin_save(&fixture, &session);
    // The store answers that the session is gone, and fails to store a new one.
    fixture.store.write_down.store(true, SeqCst);
    assert_eq!(block_on(save).unwrap_err().kind(), ErrorKind::StoreUnavailable);
    fixture.store.write_down.store(false, SeqCst);
    block_on(session.save()).unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!(browser.user().as_deref(), Some("ann"));
}

#[test]
fn conflict_leaves_the_handle_unchanged() {
    let fixture = Fixture::with(|builder| builder.max_record_bytes(1000));
    for is_late in [false, true] {
        let mut browser = fixture.browser();
        browser.set("k", "v");
        let session = browser.start();
        session.remove("k");
        session.set("plan", &"x".repeat(600)).unwrap();
        browser.clone().visit(|session| session.set_immutable("plan", "pro").unwrap());
        fixture.store.late.store(is_late, SeqCst);
        assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::Conflict);
        fixture.store.late.store(false, SeqCst);
        assert_eq!(session.entries().into_keys().collect::<Vec<_>>(), ["k"]);
        // The refused write no longer counts toward the limit.
        session.set("other", &"x".repeat(600)).unwrap();
        assert!(session.remove("k") && !session.remove("k"));
        assert_eq!(session.len(), 1);
    }
}

#[test]
fn handle_keeps_its_record_if_changes_no_longer_apply() {
    let (_fixture, mut browser, session) = with_cart();
    session.increment("n", 1).unwrap();
    browser.visit(|session| session.set("n", "text").unwrap());
    block_on(session.reload()).unwrap();
    browser.visit(|session| session.set("n", &5).unwrap());
    block_on(session.save()).unwrap();
    assert_eq!(session.lenient("cart").text().as_deref(), Some("full"));
}

#[test]
fn panicking_store_blocks_nobody() {
    let (fixture, mut browser, session) = with_cart();
    session.set("a", "1").unwrap();
    fixture.store.panics.store(true, SeqCst);
    let panicked = catch_unwind(AssertUnwindSafe(|| block_on(session.save())));
    assert!(panicked.is_err());
    fixture.store.panics.store(false, SeqCst);
    session.set("b", "1").unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!(browser.get("b").as_deref(), Some("1"));
}

#[test]
fn session_loaded_late_cannot_set_a_cookie() {
    let fixture = Fixture::new();
    let exchange = fixture.sessions.open();
    assert!(block_on(exchange.clone().end(200)).unwrap().is_empty());
    let session = block_on(exchange.session([])).unwrap();
    assert_eq!(session.set("k", "v").unwrap_err().kind(), ErrorKind::HeadersSent);

    let exchange = fixture.sessions.open();
    assert!(exchange.clone().end(200).try_ready().unwrap().unwrap().is_empty());
    assert!(exchange.clone().end(200).try_ready().unwrap().unwrap().is_empty());
    let session = block_on(exchange.session([])).unwrap();
    assert_eq!(session.set("k", "v").unwrap_err().kind(), ErrorKind::HeadersSent);
    assert!(block_on(exchange.end(200)).unwrap().is_empty());

    let (fixture, mut browser, _) = with_cart();
    let cookie = browser.cookie.clone().unwrap();
    let exchange = fixture.sessions.open();
    drop(block_on(exchange.clone().end(200)).unwrap());
    let session = block_on(exchange.session([cookie.as_bytes()])).unwrap();
    session.set("cart", "empty").unwrap();
    session.renew();
    assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::HeadersSent);
    assert_eq!(browser.get("cart").as_deref(), Some("full"));
    // Writes that need no cookie can still be saved.
    block_on(session.save()).unwrap();
    assert_eq!(browser.get("cart").as_deref(), Some("empty"));
}

#[test]
fn late_unsaved_timeout_is_reported() {
    let (fixture, mut browser, session) = with_cart();
    browser.finish(&session, 200).unwrap();
    session.update_expiration(Duration::from_secs(60)).unwrap();
    fixture.take_events();
    drop(session);
    assert!(matches!(fixture.take_events()[..], [Event::Unsaved { .. }]));
}

#[test]
fn destroy_ends_what_a_dropped_save_created() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.login("ann").unwrap();
    drop(begin_save(&fixture, &session));
    session.destroy();
    let answer = browser.finish(&session, 200).unwrap();
    assert_eq!((browser.user(), fixture.count(), answer.set_cookie), (None, 0, None));
}

#[test]
fn a_shifted_expiration_survives_a_renewal_under_way() {
    let (fixture, mut browser, session) = with_cart();
    session.renew();
    let save = begin_save(&fixture, &session);
    session.shift_expiration().unwrap();
    block_on(save).unwrap();
    fixture.store.counts();
    browser.finish(&session, 200).unwrap();
    assert_eq!(fixture.store.counts().1, 1);
}

/// Regression: the refusal of a dropped save also dropped the renewal of a failed response.
#[test]
fn a_failed_response_renews_after_a_refused_save() {
    let (fixture, mut browser, session) = with_cart();
    session.set("cart", "empty").unwrap();
    browser.clone().visit(|session| session.set_immutable("cart", "full").unwrap());
    drop(begin_save(&fixture, &session));
    session.renew();
    let mut old = browser.clone();
    assert!(browser.finish(&session, 500).unwrap().set_cookie.is_some());
    assert_eq!((browser.get("cart").as_deref(), old.get("cart")), (Some("full"), None));
}
