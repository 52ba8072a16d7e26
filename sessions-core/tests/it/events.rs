use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pollster::block_on;
use sessions_core::store::Store;
use sessions_core::{DestroyReason, Event, RejectReason, Session, Timestamp};

use crate::support::Fixture;

#[test]
fn a_whole_life_raises_its_events() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    browser.visit(|session| session.login("ann").unwrap());
    let id = browser.visit(|session| session.id()).result.unwrap();
    browser.visit(|session| session.destroy());
    let events = fixture.take_events();
    let shown = format!("{events:?}");
    assert!(!shown.contains("ann"), "the principal is not logged by accident");
    let [
        Event::Created { id: created, .. },
        Event::Renewed { id: renewed, .. },
        Event::SignedIn { id: signed_in, principal, .. },
        Event::Destroyed { id: destroyed, reason: DestroyReason::Logout, .. },
    ] = &events[..]
    else {
        panic!("{shown}");
    };
    assert!([created, renewed, signed_in, destroyed].iter().all(|named| **named == id));
    assert_eq!((principal.as_str(), principal.to_string().as_str()), ("ann", "ann"));
}

#[test]
fn every_end_has_its_reason() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let id = browser.visit(|session| session.id()).result.unwrap();
    fixture.take_events();
    block_on(fixture.sessions.destroy_by_id(id)).unwrap();
    let events = fixture.take_events();
    let [Event::Destroyed { id: destroyed, reason: DestroyReason::Revoked, .. }] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(destroyed, id);
    block_on(fixture.sessions.destroy_by_id(id)).unwrap();
    assert_eq!(fixture.take_events(), []);

    browser.set("k", "v");
    fixture.clock.advance(std::time::Duration::from_secs(31 * 60));
    fixture.take_events();
    block_on(fixture.sessions.sweep(10)).unwrap();
    assert!(matches!(fixture.take_events()[..], [Event::Destroyed { reason: DestroyReason::Expired, .. }]));
}

#[test]
fn interrupted_write_is_reported() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let late = browser.start();
    let id = late.id().unwrap();
    late.set("k", "w").unwrap();
    browser.clone().visit(|session| session.destroy());
    fixture.take_events();
    browser.finish(&late, 200).unwrap_err();
    assert!(matches!(fixture.take_events()[..], [Event::Interrupted { id: named, .. }] if named == id));
}

#[test]
fn listener_may_use_the_manager_and_panic() {
    let fixture = Fixture::new();
    let heard = Arc::new(AtomicUsize::new(0));
    let sessions = Arc::new(fixture.sessions.clone());
    let (manager, count) = (Arc::downgrade(&sessions), Arc::clone(&heard));
    fixture.sessions.on_destroy(|_, _| panic!("a listener's panic"));
    fixture.sessions.on_destroy(move |id, _| {
        let manager = manager.upgrade().unwrap();
        assert!(!block_on(manager.destroy_by_id(id)).unwrap(), "the session is gone before listeners run");
        block_on(manager.destroy_principal("nobody")).unwrap();
        count.fetch_add(1, Ordering::SeqCst);
    });
    let mut browser = fixture.browser();
    browser.set("k", "v");
    browser.visit(|session| session.destroy());
    assert_eq!((heard.load(Ordering::SeqCst), browser.get("k"), fixture.count()), (1, None, 0));
}

#[test]
fn weak_listener_does_not_keep_the_manager() {
    let Fixture { sessions, store, .. } = Fixture::new();
    let sessions = Arc::new(sessions);
    let manager = Arc::downgrade(&sessions);
    sessions.on_event(move |_| drop(manager.upgrade()));
    assert!(Arc::strong_count(&store) > 1);
    drop(sessions);
    assert_eq!(Arc::strong_count(&store), 1);
}

#[test]
fn expired_and_unknown_sessions_are_distinguished() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let id = browser.visit(|session| session.id()).result;
    fixture.clock.advance(std::time::Duration::from_secs(31 * 60));
    fixture.take_events();
    assert_eq!(browser.get("k"), None);
    assert_eq!(fixture.take_rejections(), [(id, RejectReason::Expired)]);
    block_on(fixture.sessions.sweep(10)).unwrap();
    fixture.take_events();
    assert_eq!(browser.get("k"), None);
    assert_eq!(fixture.take_rejections(), [(id, RejectReason::Unknown)]);
}

#[test]
fn record_with_another_id_is_rejected() {
    let fixture = Fixture::new();
    let (mut browser, mut other) = (fixture.browser(), fixture.browser());
    browser.set("k", "v");
    other.set("k", "other");
    let [id, other] = [&mut browser, &mut other].map(|browser| browser.visit(Session::id).result);
    let record = block_on(fixture.store.load(other.unwrap(), Timestamp::from_millis(0))).unwrap();
    *fixture.store.mixed_up.lock().unwrap() = record;
    fixture.take_events();
    assert_eq!(browser.get("k"), None);
    assert_eq!(fixture.take_rejections(), [(id, RejectReason::Unknown)]);
}
