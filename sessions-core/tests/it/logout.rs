//! A logout that reports success has ended every session that its request carried a token of, even
//! if the client disconnects.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};

use pollster::block_on;
use sessions_core::{DestroyReason, ErrorKind, Event, RejectReason, Session};

use crate::support::{Browser, Fixture, made_up_token};

/// Returns a fixture whose store answers at once and one whose store answers late.
fn fixtures() -> [Fixture; 2] {
    [Fixture::new(), Fixture::late()]
}

fn member(fixture: &Fixture, name: &str) -> Browser {
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login(name).unwrap();
        session.set("owner", name).unwrap();
    });
    browser
}

fn with_cookies(fixture: &Fixture, pairs: &[&str]) -> Browser {
    let mut browser = fixture.browser();
    browser.cookie = Some(pairs.join("; "));
    browser
}

fn pair(browser: &Browser) -> &str {
    browser.cookie.as_deref().unwrap()
}

#[test]
fn logout_with_two_tokens_ends_both() {
    for fixture in fixtures() {
        let (mut one, mut other) = (member(&fixture, "ann"), member(&fixture, "eve"));
        let mut both = with_cookies(&fixture, &[pair(&one), pair(&other), pair(&one)]);
        fixture.take_events();
        let answer = both.visit(Session::destroy);
        assert!(answer.set_cookie.unwrap().contains("Max-Age=0"));
        let ended = |event: &Event| matches!(event, Event::Destroyed { reason: DestroyReason::Logout, .. });
        assert_eq!(fixture.take_events().iter().filter(|event| ended(event)).count(), 2);
        assert_eq!((one.user(), other.user(), fixture.count()), (None, None, 0));
    }
}

#[test]
fn saved_logout_is_done_once() {
    for fixture in fixtures() {
        let (one, other) = (member(&fixture, "ann"), member(&fixture, "eve"));
        for mut browser in [with_cookies(&fixture, &[pair(&one), pair(&other)]), member(&fixture, "bob")] {
            let session = browser.start();
            session.destroy();
            block_on(session.save()).unwrap();
            fixture.store.counts();
            let answer = browser.finish(&session, 200).unwrap();
            assert!(answer.set_cookie.unwrap().contains("Max-Age=0"));
            assert_eq!(fixture.store.counts(), (0, 0));
        }
        assert_eq!(fixture.count(), 0);
    }
}

#[test]
fn half_done_logout_is_finished_by_the_response() {
    let fixture = Fixture::late();
    let (one, other) = (member(&fixture, "ann"), member(&fixture, "eve"));
    let mut both = with_cookies(&fixture, &[pair(&one), pair(&other)]);
    let session = both.start();
    session.destroy();
    let mut save = pin!(session.save());
    assert!(save.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    // The store has ended one session, and fails to end the other.
    fixture.store.write_down.store(true, Ordering::SeqCst);
    assert_eq!(block_on(save).unwrap_err().kind(), ErrorKind::StoreUnavailable);
    assert_eq!(fixture.count(), 1);
    fixture.store.write_down.store(false, Ordering::SeqCst);
    both.finish(&session, 200).unwrap();
    assert_eq!(fixture.count(), 0);
}

#[test]
fn login_with_two_tokens_begins_a_new_session() {
    for fixture in fixtures() {
        let (mut one, mut other) = (member(&fixture, "ann"), member(&fixture, "eve"));
        let mut both = with_cookies(&fixture, &[pair(&one), pair(&other)]);
        both.visit(|session| session.login("ann").unwrap());
        assert_eq!(both.visit(|session| (session.principal(), session.len())).result, (Some("ann".to_owned()), 0));
        assert_eq!((one.user(), other.user(), fixture.count()), (None, None, 1));
    }
}

#[test]
fn write_with_two_tokens_is_refused() {
    for fixture in fixtures() {
        let (mut one, mut other) = (member(&fixture, "ann"), member(&fixture, "eve"));
        let mut both = with_cookies(&fixture, &[pair(&one), pair(&other)]);
        let session = both.start();
        session.set("k", "v").unwrap();
        let refused = block_on(session.exchange().end(200)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Gone);
        assert!(refused.into_parts().1.take_set_cookie().is_none());
        assert_eq!((one.user().as_deref(), other.user().as_deref()), (Some("ann"), Some("eve")));
        // After a destroy of both, a write begins a new session.
        both.visit(|session| {
            session.destroy();
            session.set("k", "v").unwrap();
        });
        assert_eq!((both.get("k").as_deref(), fixture.count()), (Some("v"), 1));
    }
}

#[test]
fn login_dropped_by_a_failure_ends_nothing() {
    for fixture in fixtures() {
        let (mut one, mut other) = (member(&fixture, "ann"), member(&fixture, "eve"));
        let mut both = with_cookies(&fixture, &[pair(&one), pair(&other)]);
        let session = both.start();
        session.login("ann").unwrap();
        both.finish(&session, 500).unwrap();
        drop(session);
        let session = both.start();
        session.login("ann").unwrap();
        assert!(session.exchange().abandon().is_none());
        assert_eq!((one.user().as_deref(), other.user().as_deref()), (Some("ann"), Some("eve")));
    }
}

#[test]
fn logout_finds_its_token_among_others() {
    for fixture in fixtures() {
        let unknown: Vec<String> = (0..7).map(|seed| format!("__Host-id={}", made_up_token(seed))).collect();
        let malformed = vec!["__Host-id=bad".to_owned(); 200];
        for strangers in [&unknown[..4], &unknown, &malformed] {
            for is_last in [true, false] {
                let mut ann = member(&fixture, "ann");
                let mut pairs: Vec<&str> = strangers.iter().map(String::as_str).collect();
                pairs.insert(if is_last { pairs.len() } else { 0 }, pair(&ann));
                let mut browser = with_cookies(&fixture, &pairs);
                assert_eq!(browser.user().as_deref(), Some("ann"));
                browser.visit(Session::destroy);
                assert_eq!(ann.user(), None);
            }
        }
    }
}

#[test]
fn renewal_after_a_logout_keeps_the_logout() {
    for fixture in fixtures() {
        let mut browser = member(&fixture, "ann");
        browser.visit(|session| {
            session.destroy();
            session.renew();
        });
        assert_eq!((browser.cookie, fixture.count()), (None, 0));
    }
}

#[test]
fn failed_request_may_renew_an_ended_session() {
    for fixture in fixtures() {
        let mut browser = member(&fixture, "ann");
        let session = browser.start();
        session.renew();
        browser.clone().visit(Session::destroy);
        // The response already reports a failure, and the ended session needs no protection.
        assert_eq!(browser.finish(&session, 500).unwrap().set_cookie, None);
    }
}

/// Returns the error kind and status of a request that does `deed`.
fn refusal(browser: &Browser, deed: impl FnOnce(&Session)) -> Option<(ErrorKind, u16)> {
    let session = browser.start();
    assert!(session.is_new() && session.principal().is_none() && session.is_empty());
    deed(&session);
    let (error, mut headers) = browser.clone().finish(&session, 200).err()?.into_parts();
    assert_eq!(headers.take_set_cookie(), None, "no cookie of any kind");
    Some((error.kind(), error.status()))
}

fn assert_reads_nothing_and_changes_nothing(browser: &Browser, refused: (ErrorKind, u16)) {
    assert_eq!(refusal(browser, |_| {}), None);
    assert_eq!(refusal(browser, Session::destroy), Some(refused));
    assert_eq!(refusal(browser, |session| session.login("eve").unwrap()), Some(refused));
    assert_eq!(refusal(browser, |session| session.set("k", "v").unwrap()), Some(refused));
}

#[test]
fn too_many_tokens_change_nothing() {
    for fixture in fixtures() {
        let mut ann = member(&fixture, "ann");
        let mut pairs: Vec<String> = (0..8).map(|seed| format!("__Host-id={}", made_up_token(seed))).collect();
        pairs.push(pair(&ann).to_owned());
        let malformed = "__Host-id=bad; ".repeat(256) + pair(&ann);
        for cookie in [pairs.join("; "), malformed] {
            let browser = with_cookies(&fixture, &[&cookie]);
            fixture.take_events();
            fixture.store.counts();
            assert_reads_nothing_and_changes_nothing(&browser, (ErrorKind::TooManyTokens, 400));
            assert_eq!(fixture.store.counts(), (0, 0));
            let is_expected =
                |event: &Event| matches!(event, Event::Rejected { id: None, reason: RejectReason::TooMany, .. });
            assert!(fixture.take_events().iter().any(is_expected));
        }
        assert_eq!((ann.user().as_deref(), fixture.count()), (Some("ann"), 1));
    }
}

/// Regression: during a rolling deploy, a node that could not read the record reported success, and
/// the session stayed live for the others.
#[test]
fn newer_format_record_is_left_alone() {
    for fixture in fixtures() {
        let mut ann = member(&fixture, "ann");
        let id = ann.visit(Session::id).result;
        fixture.store.newer.store(true, Ordering::SeqCst);
        fixture.take_events();
        assert_reads_nothing_and_changes_nothing(&ann, (ErrorKind::NewerFormat, 503));
        let is_expected = |event: &Event| matches!(event, Event::Rejected { id: rejected, reason: RejectReason::NewerFormat, .. } if *rejected == id);
        assert!(fixture.take_events().iter().any(is_expected));
        fixture.store.newer.store(false, Ordering::SeqCst);
        assert_eq!((ann.user().as_deref(), fixture.count()), (Some("ann"), 1));
    }
}

/// Ends a request as an adapter does when the client disconnects.
fn hang_up(session: &Session) {
    if let Some(commit) = session.exchange().abandon() {
        assert!(block_on(commit).unwrap().take_set_cookie().is_some(), "a removal that nobody receives");
    }
}

#[test]
fn dropped_request_still_destroys() {
    for fixture in fixtures() {
        let (mut one, mut other) = (member(&fixture, "ann"), member(&fixture, "eve"));
        let both = with_cookies(&fixture, &[pair(&one), pair(&other)]);
        for dropped in [&both, &member(&fixture, "bob")] {
            let session = dropped.start();
            session.destroy();
            session.set("farewell", "late").unwrap();
            hang_up(&session);
            assert_eq!(dropped.clone().user(), None);
        }
        assert_eq!((one.user(), other.user(), fixture.count()), (None, None, 0));
    }
}

#[test]
fn dropped_request_writes_nothing() {
    let deeds: [fn(&Session); 4] = [
        |session| session.set("k", "after").unwrap(),
        |session| session.login("eve").unwrap(),
        Session::renew,
        |session| drop(session.flash::<String>("note")),
    ];
    for (fixture, deed) in fixtures().iter().flat_map(|fixture| deeds.map(|deed| (fixture, deed))) {
        let mut browser = fixture.browser();
        browser.visit(|session| {
            session.set("k", "before").unwrap();
            session.set_flash("note", "unread").unwrap();
        });
        fixture.take_events();
        let session = browser.start();
        deed(&session);
        hang_up(&session);
        drop(session);
        assert_eq!(fixture.take_events(), [], "nothing is reported as unsaved");
        let seen =
            browser.visit(|session| (session.lenient("k").text(), session.principal(), session.has_flash())).result;
        assert_eq!(seen, (Some("before".to_owned()), None, true));
    }
}

#[test]
fn drop_after_the_response_changes_nothing() {
    for fixture in fixtures() {
        let mut browser = fixture.browser();
        browser.set("k", "v");
        let session = browser.start();
        browser.finish(&session, 200).unwrap();
        assert!(session.exchange().abandon().is_none());
        assert!(fixture.sessions.open().abandon().is_none());
        assert_eq!(browser.get("k").as_deref(), Some("v"));
    }
}

#[test]
fn unsaved_stream_destroy_is_reported() {
    let fixture = Fixture::new();
    let mut browser = member(&fixture, "ann");
    let stream = browser.start();
    let id = stream.id();
    browser.finish(&stream, 200).unwrap();
    fixture.take_events();
    stream.destroy();
    drop(stream);
    assert!(matches!(fixture.take_events()[..], [Event::Unsaved { id: unsaved, .. }] if unsaved == id));
}
