//! What a request does while one of its commits waits for the store. The fuzz target
//! `request_schedules` found most of these faults.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pollster::block_on;
use sessions_core::ErrorKind;
use sessions_core::adapter::RequestHeader;

use crate::promises::has_unsaved;
use crate::support::{Fake, Fixture, poll};

const MINUTE: Duration = Duration::from_secs(60);

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
    let end = fixture.begin(|| session.exchange().end(200));
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
        fixture.store.write_down.store(is_response, Ordering::SeqCst);
        if is_response {
            let end = fixture.begin(|| session.exchange().end(200));
            session.set("k", "v").unwrap();
            assert_eq!(block_on(end).unwrap_err().kind(), ErrorKind::StoreUnavailable);
        } else {
            let save = fixture.begin(|| session.save());
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
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let end = fixture.begin(|| session.exchange().end(200));
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
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let end = fixture.begin(|| session.exchange().end(200));
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
    let save = fixture.begin(|| session.save());
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
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let end = fixture.begin(|| session.exchange().end(200));
    assert_eq!(session.login("ben").unwrap_err().kind(), ErrorKind::HeadersSent);
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
    let save = fixture.begin(|| session.save());
    drop(save);
    session.destroy();
    session.set("bye", "bye").unwrap();
    browser.finish(&session, 200).unwrap();
    assert_eq!((browser.get("k"), browser.get("bye").as_deref()), (None, Some("bye")));
}

/// The later `destroy` had made the refused write obsolete.
#[test]
fn a_refused_write_before_a_second_destroy_fails_no_logout() {
    for method in ["GET", "OPTIONS"] {
        let fixture = Fixture::with(|builder| builder.bearer(true));
        let issued = block_on(fixture.sessions.issue("ann")).unwrap();
        let token = format!("Bearer {}", issued.token());
        let request = match method {
            "GET" => Fake::get("/").with(&[(RequestHeader::Authorization, &token)]),
            _ => Fake::get("/").with(&[(RequestHeader::Cookie, issued.cookie())]),
        };
        let exchange = fixture.sessions.open_for(method);
        let session = block_on(exchange.session_from(&request)).unwrap();
        session.destroy();
        session.set("k", "v").unwrap();
        drop(fixture.begin(|| session.save()));
        if method == "GET" {
            session.destroy();
        }
        let headers = block_on(exchange.end(200)).unwrap();
        assert_eq!((headers.is_empty(), fixture.count()), (false, 0), "{method}");
    }
}

/// The session that had followed the first destroy was created, and destroyed at once.
#[test]
fn a_second_destroy_keeps_no_successor_of_the_first() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("a", "b");
    let session = browser.start();
    session.destroy();
    session.set("k", "v").unwrap();
    drop(fixture.begin(|| session.save()));
    session.destroy();
    let _ = fixture.store.counts();
    block_on(session.save()).unwrap();
    assert_eq!((fixture.store.counts().1, fixture.count()), (0, 0), "nothing was created to be destroyed");
    assert!(browser.finish(&session, 200).unwrap().set_cookie.is_some_and(|removal| removal.ends_with("; Max-Age=0")));
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
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let end = fixture.begin(|| session.exchange().end(200));
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
    let writer = session.clone();
    let change = move |_: Option<String>| writer.principal().unwrap_or_default();
    let update = fixture.begin(|| session.update("k", change));
    session.login("ann").unwrap();
    assert_eq!(block_on(update).unwrap(), "ann");
    assert_eq!(browser.clone().get("k"), None);
    browser.finish(&session, 200).unwrap();
    assert_eq!(browser.get("k").as_deref(), Some("ann"));
}
