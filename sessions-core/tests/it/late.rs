//! A store that answers late, and requests that are dropped before it does.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use pollster::block_on;
use sessions_core::ErrorKind;

use crate::support::Fixture;

#[test]
fn late_answers_change_no_result() {
    let fixture = Fixture::late();
    let mut browser = fixture.browser();
    browser.set("cart", "full");
    let mut old = browser.clone();
    browser.visit(|session| session.login("ann").unwrap());
    assert_eq!((browser.user().as_deref(), browser.get("cart").as_deref()), (Some("ann"), Some("full")));
    assert_eq!(old.user(), None);
    browser.visit(|session| session.increment("n", 2).unwrap());
    browser.visit(|session| {
        assert_eq!(block_on(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1)).unwrap(), 3);
        assert_eq!(block_on(session.take::<i64>("n")).unwrap(), Some(3));
        session.set("saved", "1").unwrap();
        block_on(session.save()).unwrap();
        block_on(session.reload()).unwrap();
    });
    browser.visit(|session| {
        session.destroy();
        session.set_flash("bye", "see you").unwrap();
    });
    assert_eq!(browser.visit(|session| session.lenient_flash("bye").text()).result.as_deref(), Some("see you"));
    assert_eq!((browser.user(), fixture.count()), (None, 1));
}

#[test]
fn late_failures_have_the_same_kinds() {
    let fixture = Fixture::late();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    let late = browser.start();
    late.set("k", "v").unwrap();
    browser.clone().visit(|session| session.destroy());
    assert_eq!(browser.finish(&late, 200).unwrap_err().kind(), ErrorKind::Gone);
    fixture.store.down.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(browser.try_start().unwrap_err().kind(), ErrorKind::StoreUnavailable);
}

#[test]
fn concurrent_logins_both_sign_in() {
    let fixture = Fixture::late();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let (one, other) = (browser.start(), browser.start());
    for session in [one, other] {
        session.login("ann").unwrap();
        let mut own = browser.clone();
        own.finish(&session, 200).unwrap();
        assert_eq!(own.user().as_deref(), Some("ann"));
    }
}

/// Polls a future at most this many times, then drops it.
fn poll_and_drop(future: impl Future, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
    }
}

#[test]
fn dropped_commit_is_all_or_nothing() {
    for polls in 0..4 {
        let fixture = Fixture::late();
        let mut browser = fixture.browser();
        browser.set("k", "before");
        let session = browser.start();
        session.set("k", "after").unwrap();
        session.set("l", "after").unwrap();
        poll_and_drop(session.exchange().end(200), polls);
        let seen = browser.visit(|session| (session.lenient("k").text(), session.lenient("l").text())).result;
        let seen = (seen.0.as_deref(), seen.1.as_deref());
        assert!(seen == (Some("before"), None) || seen == (Some("after"), Some("after")), "{polls} polls: {seen:?}");
    }
}

#[test]
fn dropped_logout_is_all_or_nothing() {
    for polls in 0..4 {
        let fixture = Fixture::late();
        let mut browser = fixture.browser();
        browser.visit(|session| session.login("ann").unwrap());
        let session = browser.start();
        session.destroy();
        session.set_flash("bye", "x").unwrap();
        poll_and_drop(session.exchange().end(200), polls);
        let user = browser.clone().user();
        assert!(user.is_none() || user.as_deref() == Some("ann"), "{polls} polls: {user:?}");
    }
}

#[test]
fn dropped_load_can_be_repeated() {
    let fixture = Fixture::late();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let exchange = fixture.sessions.open();
    let cookie = browser.cookie.clone().unwrap();
    let mut load = exchange.session([cookie.as_bytes()]);
    assert!(matches!(pin!(&mut load).poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    drop(load);
    let session = block_on(exchange.session([cookie.as_bytes()])).unwrap();
    assert_eq!(session.lenient("k").text().as_deref(), Some("v"));
}
