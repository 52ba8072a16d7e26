//! Concurrent requests: every interleaving of two requests, and stress tests with threads.

use std::sync::Barrier;
use std::thread;

use pollster::block_on;
use sessions_core::{ErrorKind, Session};

use crate::support::{Browser, Fixture};

/// Runs two requests of one browser in every order of their starts and ends.
fn interleave(
    prepare: fn(&mut Browser),
    first: fn(&Session),
    second: fn(&Session),
    check: impl Fn(&mut Browser, [Outcome; 2], &str),
) {
    for order in ["1122", "1212", "1221", "2211", "2121", "2112"] {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        prepare(&mut browser);
        let mut running: [Option<Session>; 2] = [None, None];
        let mut outcomes = [None, None];
        for step in order.bytes() {
            let which = usize::from(step - b'1');
            match running[which].take() {
                None => running[which] = Some(browser.start()),
                Some(session) => {
                    [first, second][which](&session);
                    let mut own = browser.clone();
                    let status = own.finish(&session, 200).map_err(|error| error.kind());
                    outcomes[which] = Some(Outcome {
                        cookie: status.as_ref().ok().and_then(|answer| answer.set_cookie.clone()),
                        error: status.err(),
                        own,
                    });
                }
            }
        }
        check(&mut browser, outcomes.map(Option::unwrap), order);
    }
}

struct Outcome {
    cookie: Option<String>,
    error: Option<ErrorKind>,
    own: Browser,
}

#[test]
fn writes_to_different_keys_both_survive() {
    interleave(
        |browser| browser.set("k", "v"),
        |session| session.set("a", "1").unwrap(),
        |session| session.set("b", "1").unwrap(),
        |browser, outcomes, order| {
            assert!(outcomes.iter().all(|outcome| outcome.error.is_none()), "{order}");
            let keys = browser.visit(|session| session.entries().into_keys().collect::<Vec<_>>()).result;
            assert_eq!(keys, ["a", "b", "k"], "{order}");
        },
    );
}

#[test]
fn concurrent_increments_are_exact() {
    interleave(
        |browser| browser.set("k", "v"),
        |session| assert!(session.increment("n", 3).unwrap() >= 3),
        |session| assert!(session.increment("n", 4).unwrap() >= 4),
        |browser, _, order| assert_eq!(browser.visit(|session| session.lenient("n").i64()).result, Some(7), "{order}"),
    );
}

#[test]
fn a_logout_beats_a_request_in_flight() {
    interleave(
        |browser| browser.visit(|session| session.login("ann").unwrap()).result,
        |session| session.set("k", "late").unwrap(),
        Session::destroy,
        |browser, [mut writer, _], order| {
            assert_eq!(browser.user(), None, "{order}: the old cookie");
            let wrote_before = order.starts_with("11");
            let came_after = order.starts_with("22");
            match (wrote_before, came_after) {
                (true, _) => assert_eq!(writer.error, None, "{order}"),
                // A request that begins after the logout starts a new anonymous session.
                (_, true) => assert_eq!(writer.own.user(), None, "{order}"),
                _ if order == "1221" || order == "2121" => {
                    assert_eq!((writer.error, writer.cookie), (Some(ErrorKind::Gone), None), "{order}");
                }
                _ => assert_eq!(writer.error, None, "{order}: it ended before the logout"),
            }
        },
    );
}

#[test]
fn a_logout_does_not_fail_a_reader_in_flight() {
    interleave(
        |browser| browser.visit(|session| session.login("ann").unwrap()).result,
        |session| drop(session.lenient("k").text()),
        Session::destroy,
        |browser, [reader, _], order| {
            assert_eq!((reader.error, reader.cookie), (None, None), "{order}");
            assert_eq!(browser.user(), None, "{order}");
        },
    );
}

#[test]
fn a_logout_does_not_fail_the_reader_of_a_flash() {
    interleave(
        |browser| browser.visit(|session| session.set_flash("notice", "saved").unwrap()).result,
        |session| drop(session.lenient_flash("notice").text()),
        Session::destroy,
        |_, [reader, _], order| assert_eq!((reader.error, reader.cookie), (None, None), "{order}"),
    );
}

#[test]
fn two_logins_from_one_cookie_both_succeed() {
    interleave(
        |browser| browser.set("cart", "full"),
        |session| session.login("ann").unwrap(),
        |session| session.login("ann").unwrap(),
        |browser, outcomes, order| {
            for mut outcome in outcomes {
                assert_eq!(outcome.error, None, "{order}");
                assert!(outcome.cookie.is_some(), "{order}");
                assert_eq!(outcome.own.user().as_deref(), Some("ann"), "{order}");
            }
            assert_eq!(browser.user(), None, "{order}: the old cookie");
        },
    );
}

#[test]
fn a_login_after_a_logout_drops_old_data() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann").unwrap();
        session.set("old", "secret").unwrap();
    });
    let session = browser.start();
    session.set("own", "kept").unwrap();
    session.increment("n", 2).unwrap();
    session.login("ann").unwrap();
    browser.clone().visit(|session| session.destroy());
    browser.finish(&session, 200).unwrap();
    let seen = browser.visit(|session| {
        (session.principal(), session.entries().into_keys().collect::<Vec<_>>(), session.lenient("n").i64())
    });
    assert_eq!(seen.result, (Some("ann".to_owned()), vec!["n".to_owned(), "own".to_owned()], Some(2)));
}

#[test]
fn the_old_token_cannot_read_later_writes() {
    interleave(
        |browser| browser.set("k", "v"),
        |session| {
            session.login("ann").unwrap();
            session.set("private", "1").unwrap();
        },
        |session| session.set("other", "1").unwrap(),
        |browser, [mut login, writer], order| {
            assert_eq!(login.own.user().as_deref(), Some("ann"), "{order}");
            let reachable = browser.visit(|session| (session.principal(), session.lenient("private").text())).result;
            assert_eq!(reachable, (None, None), "{order}");
            if matches!(order, "2112" | "1212") && writer.error.is_some() {
                assert_eq!((writer.error, writer.cookie), (Some(ErrorKind::Gone), None), "{order}");
            }
        },
    );
}

#[test]
fn reading_an_old_flash_keeps_a_newer_one() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set_flash("note", "old").unwrap());
    let reader = browser.start();
    assert_eq!(reader.lenient_flash("note").text().as_deref(), Some("old"));
    browser.visit(|session| session.set_flash("note", "new").unwrap());
    browser.finish(&reader, 200).unwrap();
    assert_eq!(browser.visit(|session| session.lenient_flash("note").text()).result.as_deref(), Some("new"));
}

#[test]
fn an_immutable_entry_beats_a_write_in_flight() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let late = browser.start();
    late.set("plan", "free").unwrap();
    browser.visit(|session| session.set_immutable("plan", "pro").unwrap());
    let error = browser.finish(&late, 200).unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Conflict, 409));
    assert_eq!(browser.get("plan").as_deref(), Some("pro"));
}

#[test]
fn a_dropped_commit_is_atomic() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "before");
    let session = browser.start();
    session.set("k", "after").unwrap();
    session.set("l", "after").unwrap();
    drop(session.exchange().end(200));
    let seen = browser.visit(|session| (session.lenient("k").text(), session.lenient("l").text())).result;
    let (before, after) = ((Some("before".to_owned()), None), (Some("after".to_owned()), Some("after".to_owned())));
    assert!(seen == before || seen == after, "{seen:?}");
}

#[test]
fn threads_lose_no_writes() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 200;
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (mut browser, barrier) = (browser.clone(), &barrier);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    barrier.wait();
                    browser.visit(|session| {
                        session.set(&format!("key{}", (round * THREADS + number) % 200), "1").unwrap();
                        session.increment("n", 1).unwrap();
                    });
                }
            });
        }
    });
    let (keys, sum) = browser.visit(|session| (session.len(), session.lenient("n").i64())).result;
    assert_eq!((keys, sum), (202, Some((THREADS * ROUNDS) as i64)));
}

#[test]
fn a_destroyed_session_never_comes_back() {
    let fixture = Fixture::new();
    for round in 0..300 {
        let mut browser = fixture.browser();
        browser.visit(|session| session.login("ann").unwrap());
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            for number in 0..3 {
                let (browser, barrier) = (browser.clone(), &barrier);
                scope.spawn(move || {
                    let session = browser.start();
                    barrier.wait();
                    if number == 0 {
                        session.destroy();
                    } else {
                        session.set("k", "v").unwrap();
                    }
                    let result = block_on(session.exchange().end(200));
                    if number != 0 {
                        let is_silent = result.map_or_else(
                            |error| error.kind() == ErrorKind::Gone,
                            |mut headers| headers.take_set_cookie().is_none(),
                        );
                        assert!(is_silent, "round {round}");
                    }
                });
            }
        });
        assert_eq!((browser.user(), fixture.count()), (None, 0), "round {round}");
    }
}

#[test]
fn an_update_includes_pending_increments() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.increment("n", 1).unwrap());
    let session = browser.start();
    session.increment("n", 1).unwrap();
    session.set("other", "pending").unwrap();
    assert_eq!(block_on(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 10)).unwrap(), 12);
    assert_eq!(browser.get("other"), None);
    browser.visit(|session| session.increment("n", 100).unwrap());
    browser.finish(&session, 200).unwrap();
    assert_eq!(browser.visit(|session| session.lenient("n").i64()).result, Some(112));
    assert_eq!(browser.get("other").as_deref(), Some("pending"));
}

#[test]
fn take_after_increment_returns_each_amount_once() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set("credit", &50).unwrap());
    let sessions = [browser.start(), browser.start()];
    let mut taken = 0;
    for session in &sessions {
        session.increment("credit", 1).unwrap();
        taken += block_on(session.take::<i64>("credit")).unwrap().unwrap_or(0);
    }
    for session in &sessions {
        browser.finish(session, 200).unwrap();
    }
    assert_eq!(taken, 52);
    assert_eq!(browser.visit(|session| session.lenient("credit").i64()).result, None);
}
