//! Requests that another one overtakes while they wait for the store.

use std::future::Future;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use pollster::block_on;
use sessions_core::{ErrorKind, Event, Login, Session, StoreCall};

use crate::support::{Browser, Fixture, poll};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs `happen` after the store has performed a call and before it answers.
fn meanwhile<F: Future>(fixture: &Fixture, call: impl FnOnce() -> F, happen: impl FnOnce()) -> F::Output {
    let call = fixture.begin(call);
    fixture.store.late.store(false, SeqCst);
    happen();
    block_on(call)
}

fn with_cart(fixture: &Fixture) -> Browser {
    let mut browser = fixture.browser();
    browser.set("cart", "7");
    browser
}

fn sign_in(browser: &Browser) -> Browser {
    let mut other = browser.clone();
    other.visit(|session| {
        session.login("ann").unwrap();
        session.set("secret", "of ann").unwrap();
    });
    other
}

#[track_caller]
fn expect_lost(session: &Session) {
    assert_eq!((session.principal(), session.entries().len()), (None, 0));
    for _ in 0..2 {
        assert_eq!(block_on(session.reload()).unwrap_err().kind(), ErrorKind::Gone);
    }
    session.set("later", "v").unwrap();
    assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::Gone);
}

/// Regression: the store answered the commit with the record after the login, and the request went
/// on with that record although its token may have been planted.
#[test]
fn a_write_committed_before_a_login_reads_nothing_of_it() {
    let fixture = Fixture::new();
    fixture.store.batches.store(true, SeqCst);
    for is_update in [false, true] {
        let old = with_cart(&fixture);
        let session = old.start();
        let mut new = None;
        if is_update {
            let update = || session.update("k", |_: Option<String>| "v".to_owned());
            assert_eq!(meanwhile(&fixture, update, || new = Some(sign_in(&old))).unwrap(), "v");
        } else {
            session.set("k", "v").unwrap();
            meanwhile(&fixture, || session.save(), || new = Some(sign_in(&old))).unwrap();
        }
        expect_lost(&session);
        let mut new = new.unwrap();
        assert_eq!((new.get("k").as_deref(), new.get("later")), (Some("v"), None));
    }
}

#[test]
fn a_touch_committed_before_a_login_reads_nothing_of_it() {
    let fixture = Fixture::new();
    fixture.store.batches.store(true, SeqCst);
    let old = with_cart(&fixture);
    fixture.clock.advance(Duration::from_secs(120));
    // A response with a stream, which holds the session.
    let session = old.start();
    let mut headers = meanwhile(&fixture, || session.exchange().end(200), || drop(sign_in(&old))).unwrap();
    assert_eq!(headers.take_set_cookie(), None);
    assert_eq!((session.principal(), session.entries().len()), (None, 0));
    assert_eq!(block_on(session.reload()).unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn writes_made_while_the_session_was_lost_are_refused() {
    let fixture = Fixture::new();
    fixture.store.batches.store(true, SeqCst);
    let mut old = with_cart(&fixture);
    let session = old.start();
    session.set("k", "v").unwrap();
    let save = || session.save();
    let happen = || {
        sign_in(&old);
        session.set("later", "v").unwrap();
    };
    meanwhile(&fixture, save, happen).unwrap();
    assert_eq!(old.finish(&session, 200).unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn unsaved_writes_are_refused_with_a_lost_update() {
    let fixture = Fixture::new();
    let mut old = with_cart(&fixture);
    let session = old.start();
    session.set("later", "v").unwrap();
    sign_in(&old);
    let update = block_on(session.update("k", |_: Option<String>| "v".to_owned()));
    assert_eq!(update.unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(old.finish(&session, 200).unwrap_err().kind(), ErrorKind::Gone);
}

#[test]
fn a_flash_is_read_while_a_rotation_ends() {
    let fixture = Fixture::with(|builder| builder.rotate_every(Duration::from_secs(60)));
    let mut old = fixture.browser();
    old.visit(|session| {
        session.login("ann").unwrap();
        session.set_flash("notice", "saved").unwrap();
    });
    fixture.clock.advance(Duration::from_secs(61));
    let mut new = old.clone();
    new.user();
    assert_ne!(old.cookie, new.cookie);
    let session = old.start();
    // The first use of the new token ends the rotation.
    new.user();
    assert_eq!(session.flash::<String>("notice").unwrap().as_deref(), Some("saved"));
    block_on(session.save()).unwrap();
    assert_eq!(session.principal().as_deref(), Some("ann"));
    session.set("k", "v").unwrap();
    assert_eq!(old.finish(&session, 200).unwrap().set_cookie, None);
    assert_eq!(new.get("k").as_deref(), Some("v"));
}

/// Regression: the response removed the cookie, and the session stayed live under the newer token.
#[test]
fn a_logout_of_a_lost_session_is_refused() {
    let fixture = Fixture::new();
    let mut old = with_cart(&fixture);
    let session = old.start();
    let mut new = sign_in(&old);
    assert_eq!(block_on(session.reload()).unwrap_err().kind(), ErrorKind::Gone);
    session.destroy();
    assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::Gone);
    let refused = old.finish(&session, 200).unwrap_err();
    assert_eq!((refused.kind(), refused.into_parts().1.take_set_cookie()), (ErrorKind::Gone, None));
    assert_eq!(new.user().as_deref(), Some("ann"));
}

#[test]
fn a_login_after_a_lost_session_begins_a_new_one() {
    let fixture = Fixture::new();
    let mut old = with_cart(&fixture);
    let session = old.start();
    sign_in(&old);
    assert_eq!(block_on(session.reload()).unwrap_err().kind(), ErrorKind::Gone);
    session.login("bob").unwrap();
    assert!(old.finish(&session, 200).unwrap().set_cookie.is_some());
    assert_eq!((old.user().as_deref(), old.get("cart")), (Some("bob"), None));
}

#[test]
fn a_login_after_refused_writes_is_refused() {
    let deeds: [fn(&Session); 3] = [
        |session| session.set("later", "v").unwrap(),
        |session| session.update_expiration(DAY).unwrap(),
        Session::renew,
    ];
    for (deed, signs_in) in deeds.iter().flat_map(|deed| [(deed, false), (deed, true)]) {
        let fixture = Fixture::new();
        let mut old = with_cart(&fixture);
        let session = old.start();
        deed(&session);
        sign_in(&old);
        assert_eq!(block_on(session.reload()).unwrap_err().kind(), ErrorKind::Gone);
        if signs_in {
            session.login("bob").unwrap();
        }
        assert_eq!(old.finish(&session, 200).unwrap_err().kind(), ErrorKind::Gone);
        assert_eq!(fixture.count(), 1);
    }
}

#[test]
fn a_logout_and_login_with_a_superseded_token_is_refused() {
    let fixture = Fixture::new();
    let mut old = with_cart(&fixture);
    let mut new = sign_in(&old);
    let session = old.start();
    session.destroy();
    session.login("bob").unwrap();
    assert_eq!(old.finish(&session, 200).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!((new.user().as_deref(), fixture.count()), (Some("ann"), 1));
}

/// Regression: the new session replaced the one to end.
#[test]
fn a_logout_during_an_overtaken_login_ends_the_session() {
    let fixture = Fixture::new();
    let mut old = with_cart(&fixture);
    let session = old.start();
    let mut new = sign_in(&old);
    session.login("ann").unwrap();
    let saved = meanwhile(&fixture, || session.save(), || session.destroy());
    assert_eq!(saved.unwrap_err().kind(), ErrorKind::Gone);
    assert!(old.finish(&session, 200).unwrap().set_cookie.unwrap().contains("Max-Age=0"));
    assert_eq!((new.user(), fixture.count()), (None, 0));
}

/// Regression: reads returned the old data again, and setting an equal value began no session.
#[test]
fn a_failed_save_does_not_undo_a_destroy() {
    let fixture = Fixture::new();
    let mut browser = with_cart(&fixture);
    let session = browser.start();
    session.set("k", "v").unwrap();
    fixture.store.write_down.store(true, SeqCst);
    let saved = meanwhile(&fixture, || session.save(), || session.destroy());
    assert_eq!(saved.unwrap_err().kind(), ErrorKind::StoreUnavailable);
    assert!(session.entries().is_empty());
    fixture.store.write_down.store(false, SeqCst);
    session.set("cart", "7").unwrap();
    assert!(browser.finish(&session, 200).unwrap().set_cookie.is_some());
    assert_eq!((browser.get("cart").as_deref(), fixture.count()), (Some("7"), 1));
}

#[test]
fn a_destroy_during_a_failed_response_can_be_saved() {
    for destroys_before in [false, true] {
        let fixture = Fixture::new();
        let mut browser = with_cart(&fixture);
        let session = browser.start();
        match destroys_before {
            true => session.destroy(),
            false => session.set("k", "v").unwrap(),
        }
        fixture.store.write_down.store(true, SeqCst);
        let failed = meanwhile(&fixture, || session.exchange().end(200), || session.destroy());
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::StoreUnavailable);
        assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::StoreUnavailable);
        assert_eq!(fixture.count(), 1);
        fixture.store.write_down.store(false, SeqCst);
        block_on(session.save()).unwrap();
        assert_eq!((browser.get("cart"), fixture.count()), (None, 0));
    }
}

#[test]
fn a_destroy_is_unsaved_unless_its_failure_is_reported() {
    type Deed = fn(&Session);
    let destroy: Deed = Session::destroy;
    let write: Deed = |session| session.set("k", "v").unwrap();
    let nothing: Deed = |_| {};
    let table: [(&[Deed], Deed, usize); 4] =
        [(&[write], destroy, 1), (&[write], nothing, 0), (&[destroy], nothing, 0), (&[destroy, write], nothing, 0)];
    for (number, (before, meantime, unsaved)) in table.into_iter().enumerate() {
        let fixture = Fixture::new();
        let session = with_cart(&fixture).start();
        before.iter().for_each(|deed| deed(&session));
        fixture.store.write_down.store(true, SeqCst);
        let failed = meanwhile(&fixture, || session.exchange().end(200), || meantime(&session));
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::StoreUnavailable);
        fixture.take_events();
        drop(session);
        assert_eq!(fixture.take_events().len(), unsaved, "{number}");
    }
}

#[test]
fn an_increment_before_a_dropped_update_counts_once() {
    for is_done in [true, false] {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        browser.visit(|session| session.increment("n", 1).unwrap());
        let session = browser.start();
        session.increment("n", 1).unwrap();
        fixture.store.late.store(true, SeqCst);
        fixture.store.write_down.store(!is_done, SeqCst);
        let mut update = Box::pin(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 10));
        assert!(poll(update.as_mut()).is_pending());
        drop(update);
        fixture.store.write_down.store(false, SeqCst);
        browser.finish(&session, 200).unwrap();
        assert_eq!(browser.visit(|session| session.get::<i64>("n").unwrap()).result, Some(2));
    }
}

#[test]
fn an_overtaken_login_adds_to_the_other_logins_value() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.increment("n", 5).unwrap());
    let mut tabs = [browser.clone(), browser.clone(), browser];
    let sessions = [tabs[0].start(), tabs[1].start()];
    for (session, tab) in sessions.iter().zip(&mut tabs) {
        assert_eq!(session.increment("n", 1).unwrap(), 6);
        session.login("ann").unwrap();
        tab.finish(session, 200).unwrap();
    }
    let session = tabs[2].start();
    assert_eq!(session.increment("n", 1).unwrap(), 1);
    session.login("ann").unwrap();
    assert_eq!(session.get::<i64>("n").unwrap(), Some(7));
    tabs[2].finish(&session, 200).unwrap();
    let numbers = tabs.map(|mut tab| tab.visit(|session| session.get::<i64>("n").unwrap()).result);
    assert_eq!(numbers, [Some(6), Some(7), Some(7)]);
}

#[test]
fn an_overtaken_login_reports_a_failed_load() {
    let fixture = Fixture::new();
    let mut old = with_cart(&fixture);
    let session = old.start();
    session.login("ann").unwrap();
    sign_in(&old);
    fixture.take_events();
    fixture.store.read_down.store(true, SeqCst);
    old.finish(&session, 200).unwrap();
    let events = fixture.take_events();
    assert!(matches!(events[0], Event::StoreFailed { call: StoreCall::Load, .. }), "{events:?}");
    assert!(matches!(events[1], Event::Created { .. }), "the login stands");
}

#[test]
fn a_cleared_session_gets_no_entries_of_the_other_login() {
    let fixture = Fixture::new();
    let browser = with_cart(&fixture);
    let mut tabs = [browser.clone(), browser];
    let sessions = [tabs[0].start(), tabs[1].start()];
    sessions[1].clear();
    for (session, tab) in sessions.iter().zip(&mut tabs) {
        session.login("ann").unwrap();
        tab.finish(session, 200).unwrap();
    }
    let carts = tabs.map(|mut tab| tab.get("cart"));
    assert_eq!(carts, [Some("7".to_owned()), None]);
}

/// Regression: the response sent the cookie of an earlier save, which replaced that of a newer
/// token.
#[test]
fn a_saved_session_sends_no_token_that_was_replaced_since() {
    let remembering = |fixture: &Fixture| {
        let mut browser = fixture.browser();
        browser.visit(|session| session.login(Login::new("ann").remember(30 * DAY)).unwrap());
        browser
    };
    let rotating = |fixture: &Fixture| {
        let mut browser = fixture.browser();
        browser.visit(|session| session.login("ann").unwrap());
        fixture.clock.advance(Duration::from_secs(61));
        browser
    };
    let fixture = Fixture::new();
    let rotation = Fixture::with(|builder| builder.rotate_every(Duration::from_secs(60)));
    for mut slow in [remembering(&fixture), rotating(&rotation)] {
        let session = slow.start();
        session.set("k", "v").unwrap();
        block_on(session.save()).unwrap();
        let mut quick = slow.clone();
        quick.visit(|session| session.confirm().unwrap());
        assert_eq!(slow.finish(&session, 200).unwrap().set_cookie, None);
        assert_eq!((quick.user().as_deref(), quick.get("k").as_deref()), (Some("ann"), Some("v")));
    }
}

#[test]
fn a_saved_session_sends_its_persistent_cookie_again() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login(Login::new("ann").remember(30 * DAY)).unwrap());
    let session = browser.start();
    session.set("k", "v").unwrap();
    block_on(session.save()).unwrap();
    fixture.store.counts();
    block_on(session.save()).unwrap();
    assert_eq!(fixture.store.counts(), (0, 0), "a save without writes does not call the store");
    assert!(browser.finish(&session, 200).unwrap().set_cookie.unwrap().contains("Max-Age=2592000"));
}

#[test]
fn a_refused_dropped_save_does_not_stop_a_destroy() {
    for status in [200, 500] {
        let fixture = Fixture::new();
        let mut browser = with_cart(&fixture);
        let session = browser.start();
        session.set("cart", "8").unwrap();
        browser.clone().visit(|session| session.set_immutable("cart", "9").unwrap());
        fixture.store.late.store(true, SeqCst);
        let mut save = Box::pin(session.save());
        assert!(poll(save.as_mut()).is_pending());
        drop(save);
        fixture.store.late.store(false, SeqCst);
        session.destroy();
        browser.finish(&session, status).unwrap();
        assert_eq!((browser.get("cart"), fixture.count()), (None, 0));
    }
}

/// Regression: the response removed the cookie of a session that was still live.
#[test]
fn a_logout_after_an_overtaken_login_keeps_the_other_session() {
    for (is_lost, save) in [false, true].into_iter().flat_map(|is_lost| (0..3).map(move |save| (is_lost, save))) {
        let fixture = Fixture::new();
        let mut old = with_cart(&fixture);
        let before = is_lost.then(|| old.start());
        let mut new = sign_in(&old);
        let session = before.unwrap_or_else(|| old.start());
        if is_lost {
            assert_eq!(block_on(session.reload()).unwrap_err().kind(), ErrorKind::Gone);
        }
        session.login("ann").unwrap();
        match save {
            // The store has not answered the save yet.
            1 => _ = meanwhile(&fixture, || session.save(), || session.destroy()),
            2 => {
                block_on(session.save()).unwrap();
                assert_eq!(fixture.count(), 2);
                session.destroy();
            }
            _ => session.destroy(),
        }
        match old.finish(&session, 200) {
            Ok(answer) => assert_eq!((save > 0, answer.set_cookie), (true, None), "only its own session ended"),
            Err(refused) => assert_eq!((save, refused.kind()), (0, ErrorKind::Gone)),
        }
        assert_eq!((new.user().as_deref(), fixture.count()), (Some("ann"), 1));
    }
}
