use pollster::block_on;

use crate::support::{Fixture, made_up_token};

#[test]
fn a_session_is_created_at_the_first_write_and_found_again() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    assert_eq!(browser.visit(|session| (session.is_new(), session.id())).result, (true, None));
    assert_eq!((fixture.count(), browser.cookie.as_deref()), (0, None));

    browser.set("name", "iris");
    assert_eq!((fixture.count(), browser.get("name").as_deref()), (1, Some("iris")));
    assert!(!browser.visit(|session| session.is_new()).result);
}

#[test]
fn looking_around_stores_nothing_and_sets_no_cookie() {
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
fn an_anonymous_logout_stores_nothing_and_removes_a_dead_cookie() {
    let fixture = Fixture::new();
    assert_eq!(fixture.browser().visit(|session| session.destroy()).set_cookie, None);
    let mut browser = fixture.browser();
    browser.cookie = Some("__Host-id=stale".to_owned());
    let removal = browser.visit(|session| session.destroy()).set_cookie.unwrap();
    assert!(removal.starts_with("__Host-id=;") && removal.contains("Max-Age=0"), "{removal}");
    assert_eq!(fixture.count(), 0);
}

#[test]
fn a_value_set_and_removed_in_one_request_stores_nothing() {
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
fn a_foreign_token_is_never_adopted() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let planted = format!("__Host-id={}", made_up_token(1));
    browser.cookie = Some(planted.clone());
    browser.visit(|session| session.login("ann"));
    assert_ne!(browser.cookie.as_deref(), Some(planted.as_str()));
    let mut attacker = fixture.browser();
    attacker.cookie = Some(planted);
    assert_eq!((attacker.user(), browser.user().as_deref()), (None, Some("ann")));
}

#[test]
fn a_failed_response_drops_data_and_keeps_what_protects() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "before");

    let session = browser.start();
    session.set("k", "after").unwrap();
    session.set_flash("f", "x").unwrap();
    session.update_expiration(std::time::Duration::from_secs(1)).unwrap();
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
fn a_failed_first_request_stores_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.login("ann");
    assert_eq!(browser.finish(&session, 500).unwrap().set_cookie, None);
    assert_eq!(fixture.count(), 0);
}

#[test]
fn a_second_commit_does_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("k", "v").unwrap();
    assert!(browser.finish(&session, 200).unwrap().set_cookie.is_some());
    let again = browser.finish(&session, 200).unwrap();
    assert!(again.set_cookie.is_none() && !again.varies);
}

#[test]
fn an_exchange_that_nobody_asked_attaches_nothing_and_asks_no_store() {
    let fixture = Fixture::new();
    assert!(block_on(fixture.sessions.open().commit(200)).unwrap().is_empty());
    assert_eq!(fixture.store.counts(), (0, 0));
}

#[test]
fn a_request_costs_one_load_and_one_write_at_most() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.len());
    assert_eq!(fixture.store.counts(), (0, 0), "a visitor who looks");
    browser.visit(|session| session.login("ann"));
    assert_eq!(fixture.store.counts(), (0, 1), "a new session");
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
