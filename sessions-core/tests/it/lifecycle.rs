use std::sync::atomic::Ordering;
use std::time::Duration;

use pollster::block_on;
use sessions_core::Session;

use crate::support::{Fixture, made_up_token, varies};

#[test]
fn first_write_creates_the_session() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    assert_eq!(browser.visit(|session| (session.is_new(), session.id())).result, (true, None));
    assert_eq!((fixture.count(), browser.cookie.as_deref()), (0, None));

    browser.set("name", "iris");
    assert_eq!((fixture.count(), browser.get("name").as_deref()), (1, Some("iris")));
    assert!(!browser.visit(|session| session.is_new()).result);
}

#[test]
fn reading_stores_nothing_and_sets_no_cookie() {
    let fixture = Fixture::new();
    for round in 0..10_000 {
        let mut browser = fixture.browser();
        browser.cookie = (round % 2 == 1).then(|| format!("__Host-id={}", made_up_token(round)));
        let answer = browser.visit(|session| {
            session.clear();
            session.clear_flashes();
            session.renew();
            let nothing =
                session.remove("k") || session.remove_flash("k") || session.flash::<String>("k").unwrap().is_some();
            nothing || session.contains("k") || !session.is_empty()
        });
        assert!(!answer.result && answer.set_cookie.is_none() && answer.varies);
    }
    assert_eq!(fixture.count(), 0);
}

#[test]
fn anonymous_logout_only_removes_a_dead_cookie() {
    let fixture = Fixture::new();
    assert_eq!(fixture.browser().visit(|session| session.destroy()).set_cookie, None);
    let mut browser = fixture.browser();
    browser.cookie = Some("__Host-id=stale".to_owned());
    let removal = browser.visit(|session| session.destroy()).set_cookie.unwrap();
    assert!(removal.starts_with("__Host-id=;") && removal.contains("Max-Age=0"), "{removal}");
    assert_eq!(fixture.count(), 0);
}

#[test]
fn value_set_and_removed_stores_nothing() {
    let fixture = Fixture::new();
    let answer = fixture.browser().visit(|session| {
        session.set("k", "v").unwrap();
        session.set_flash("f", "v").unwrap();
        assert!(session.flash::<String>("f").unwrap().is_some());
        session.remove("k")
    });
    assert_eq!((answer.set_cookie, fixture.count()), (None, 0));
}

#[test]
fn foreign_token_is_never_adopted() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let planted = format!("__Host-id={}", made_up_token(1));
    browser.cookie = Some(planted.clone());
    browser.visit(|session| session.login("ann").unwrap());
    assert_ne!(browser.cookie.as_deref(), Some(planted.as_str()));
    let mut attacker = fixture.browser();
    attacker.cookie = Some(planted);
    assert_eq!((attacker.user(), browser.user().as_deref()), (None, Some("ann")));
}

#[test]
fn failed_response_keeps_only_destroy_and_renewal() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "before");

    let session = browser.start();
    session.set("k", "after").unwrap();
    session.set_flash("f", "x").unwrap();
    session.update_expiration(Duration::from_secs(1)).unwrap();
    assert_eq!(browser.finish(&session, 500).unwrap().set_cookie, None);
    assert_eq!(browser.get("k").as_deref(), Some("before"));

    let mut old = browser.clone();
    let session = browser.start();
    session.set("k", "after").unwrap();
    session.renew();
    browser.finish(&session, 503).unwrap();
    assert_eq!((browser.get("k").as_deref(), old.get("k")), (Some("before"), None));

    let mut old = browser.clone();
    let session = browser.start();
    session.destroy();
    session.set("k", "successor").unwrap();
    let removal = browser.finish(&session, 500).unwrap().set_cookie.unwrap();
    assert!(removal.contains("Max-Age=0"));
    assert_eq!((old.get("k"), fixture.count()), (None, 0));
}

#[test]
fn failed_first_request_stores_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.login("ann").unwrap();
    assert_eq!(browser.finish(&session, 500).unwrap().set_cookie, None);
    assert_eq!(fixture.count(), 0);
}

#[test]
fn second_commit_does_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("k", "v").unwrap();
    assert!(browser.finish(&session, 200).unwrap().set_cookie.is_some());
    let again = browser.finish(&session, 200).unwrap();
    assert!(again.set_cookie.is_none() && !again.varies);
}

#[test]
fn unused_exchange_costs_nothing() {
    let fixture = Fixture::new();
    assert!(block_on(fixture.sessions.open().end(200)).unwrap().is_empty());
    assert_eq!(fixture.store.counts(), (0, 0));
}

#[test]
fn request_costs_at_most_one_load_and_write() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.len());
    assert_eq!(fixture.store.counts(), (0, 0), "a visitor who reads");
    browser.visit(|session| session.set("cart", "7").unwrap());
    assert_eq!(fixture.store.counts(), (0, 1), "a new session");
    browser.visit(|session| session.login("ann").unwrap());
    assert_eq!(fixture.store.counts(), (2, 1), "a login, which also counts the principal's sessions");
    browser.visit(|session| session.len());
    assert_eq!(fixture.store.counts(), (1, 0), "a read");
    browser.visit(|session| {
        session.set("a", "1").unwrap();
        session.increment("n", 1).unwrap();
        session.set_flash("f", "x").unwrap();
        session.renew();
    });
    assert_eq!(fixture.store.counts(), (1, 1), "many writes");
    browser.visit(|session| session.destroy());
    assert_eq!(fixture.store.counts(), (1, 1), "a logout");
}

/// A handler with its name, and whether it only reads.
type Handler = (&'static str, fn(&Session), bool);

const DEEDS: [Handler; 12] = [
    ("nothing", |_| {}, true),
    ("reads", |session| drop(session.lenient("cart").text()), true),
    ("sets an equal value", |session| session.set("cart", "full").unwrap(), true),
    ("sets", |session| session.set("cart", "empty").unwrap(), false),
    ("removes", |session| assert!(session.remove("cart")), false),
    ("reads a flash", |session| drop(session.flash::<String>("note").unwrap()), false),
    ("signs in", |session| session.login("ann").unwrap(), false),
    ("renews", |session| session.renew(), false),
    ("destroys", |session| session.destroy(), false),
    ("shifts the expiration", |session| session.shift_expiration().unwrap(), false),
    ("sets an idle timeout", |session| session.update_expiration(Duration::from_secs(60)).unwrap(), false),
    ("saves", |session| block_on(session.save()).unwrap(), true),
];

#[test]
fn read_only_request_ends_at_once() {
    for (name, deed, only_looks) in DEEDS {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        browser.visit(|session| {
            session.set("cart", "full").unwrap();
            session.set_flash("note", "hello").unwrap();
        });
        let session = browser.start();
        deed(&session);
        fixture.store.counts();
        fixture.store.late.store(true, Ordering::SeqCst);
        let ended = session.exchange().end(200).try_ready();
        assert_eq!(ended.is_ok(), only_looks, "{name}");
        assert_eq!(fixture.store.counts().1 == 0, only_looks, "{name}");
        if let Ok(headers) = ended {
            let mut headers = headers.unwrap();
            assert!(headers.take_set_cookie().is_none() && varies(headers), "{name}");
            assert!(block_on(session.exchange().end(200)).unwrap().is_empty(), "{name}: it has ended");
        }
    }
}

#[test]
fn pending_cookie_or_touch_forces_a_commit() {
    let fixture = Fixture::new();
    let session = fixture.browser().start();
    session.set("cart", "full").unwrap();
    block_on(session.save()).unwrap();
    assert!(block_on(session.exchange().end(200)).unwrap().take_set_cookie().is_some(), "the cookie of its save");

    let mut browser = fixture.browser();
    browser.cookie = Some("__Host-id=stale".to_owned());
    let session = browser.start();
    session.destroy();
    assert!(block_on(session.exchange().end(200)).unwrap().take_set_cookie().is_some(), "the stale cookie is removed");

    browser.set("cart", "full");
    fixture.clock.advance(Duration::from_secs(61));
    let session = browser.start();
    fixture.store.counts();
    assert!(varies(block_on(session.exchange().end(200)).unwrap()));
    assert_eq!(fixture.store.counts().1, 1, "the time of last use is written");

    let session = fixture.browser().start();
    session.login("ann").unwrap();
    fixture.store.write_down.store(true, Ordering::SeqCst);
    block_on(session.save()).unwrap_err();
    assert!(block_on(session.exchange().end(200)).is_err(), "the login is still unsaved");
}
