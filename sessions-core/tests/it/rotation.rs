//! New secrets for sessions in use, while requests with the old one are under way.

use std::time::Duration;

use pollster::block_on;
use sessions_core::adapter::SessionHeaders;
use sessions_core::{ErrorKind, Event, Expiry, Session, Sessions};

use crate::support::{Browser, Fixture, orders};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn fixture() -> Fixture {
    Fixture::with(|builder| builder.rotate_every(15 * MINUTE).idle(60 * MINUTE))
}

/// Returns a browser that is signed in, and whose session is due for a new secret.
fn due(fixture: &Fixture) -> Browser {
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    fixture.clock.advance(15 * MINUTE);
    browser
}

#[test]
fn a_session_in_use_gets_a_new_secret() {
    for late in [false, true] {
        let fixture = fixture();
        let mut browser = due(&fixture);
        fixture.store.late.store(late, std::sync::atomic::Ordering::SeqCst);
        fixture.take_events();
        let mut old = browser.clone();
        assert!(browser.visit(Session::principal).set_cookie.is_some(), "a read is enough");
        assert_ne!(browser.cookie, old.cookie);
        assert_eq!(old.user().as_deref(), Some("ann"), "the old token works until the new one is used");
        assert_eq!(fixture.take_events(), [], "nobody is rejected, and nothing is renewed");

        let first_use = browser.visit(Session::principal);
        assert_eq!((first_use.result.as_deref(), first_use.set_cookie), (Some("ann"), None));
        let superseded = old.visit(Session::principal);
        assert_eq!((superseded.result, superseded.set_cookie), (None, None));
        assert_eq!(browser.user().as_deref(), Some("ann"));

        // The next rotation is due after the same interval.
        fixture.clock.advance(15 * MINUTE - SECOND);
        let before = browser.cookie.clone();
        browser.set("k", "v");
        assert_eq!(browser.cookie, before);
        fixture.clock.advance(SECOND);
        browser.set("k", "w");
        assert_ne!(browser.cookie, before);
        assert_eq!(browser.get("k").as_deref(), Some("w"), "the rotation and the write are one commit");
    }
}

#[test]
fn concurrent_requests_get_one_new_secret() {
    let fixture = fixture();
    let mut browser = due(&fixture);
    let requests: Vec<Session> = (0..20).map(|_| browser.start()).collect();
    let mut cookies = Vec::new();
    for session in &requests {
        session.increment("n", 1).unwrap();
        let mut headers = block_on(session.exchange().end(200)).unwrap();
        cookies.extend(headers.take_set_cookie());
    }
    assert_eq!(cookies.len(), 1);
    // A request that came with the old token meanwhile sends no cookie either.
    assert_eq!(browser.visit(|session| session.increment("n", 1).unwrap()).set_cookie, None);
    browser.keep(&cookies[0]);
    assert_eq!((browser.user().as_deref(), browser.get("n").as_deref()), (Some("ann"), Some("21")));
}

#[test]
fn requests_under_way_finish_after_the_first_use() {
    let fixture = fixture();
    let mut browser = due(&fixture);
    let under_way: Vec<Session> = (0..3).map(|_| browser.start()).collect();
    browser.visit(Session::principal);
    browser.visit(Session::principal);
    under_way[0].increment("n", 1).unwrap();
    block_on(under_way[0].save()).unwrap();
    under_way[0].increment("n", 1).unwrap();
    let mut headers: SessionHeaders = block_on(under_way[0].exchange().end(200)).unwrap();
    assert_eq!(headers.take_set_cookie(), None);
    block_on(under_way[1].reload()).unwrap();
    assert_eq!(under_way[1].lenient("n").i64(), Some(2));
    assert_eq!(block_on(under_way[1].take::<i64>("n")).unwrap(), Some(2));

    // A request with the old token cannot renew the session.
    under_way[2].renew();
    let refused = block_on(under_way[2].exchange().end(200)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Gone);
    assert_eq!(browser.user().as_deref(), Some("ann"));
}

#[test]
fn a_lost_response_signs_nobody_out() {
    let fixture = fixture();
    let mut browser = due(&fixture);
    let mut lost = browser.clone();
    assert!(lost.visit(Session::principal).set_cookie.is_some());

    fixture.clock.advance(59 * SECOND);
    let waits = browser.visit(Session::principal);
    assert_eq!((waits.result.as_deref(), waits.set_cookie), (Some("ann"), None));
    fixture.clock.advance(SECOND);
    let again = browser.visit(Session::principal);
    assert_eq!(again.result.as_deref(), Some("ann"));
    assert!(again.set_cookie.is_some(), "another token is sent");
    assert_eq!(browser.user().as_deref(), Some("ann"));
    assert_eq!(lost.user(), None, "the lost token opens nothing any more");
}

#[test]
fn a_late_response_still_brings_the_token() {
    let fixture = fixture();
    let mut browser = due(&fixture);
    browser.visit(Session::principal);
    fixture.clock.advance(30 * MINUTE);
    let first_use = browser.visit(Session::principal);
    assert_eq!((first_use.result.as_deref(), first_use.set_cookie), (Some("ann"), None));
}

/// The calls that replace the token at once.
const DEEDS: [fn(&Session); 3] =
    [Session::renew, |session| session.login("ann").unwrap(), |session| session.confirm().unwrap()];

#[test]
fn a_login_or_renewal_ends_a_rotation() {
    for deed in DEEDS {
        for uses_new in [false, true] {
            let fixture = fixture();
            let mut old = due(&fixture);
            let mut new = old.clone();
            new.visit(Session::principal);
            let (mut user, mut other) = if uses_new { (new.clone(), old.clone()) } else { (old.clone(), new.clone()) };
            assert!(user.visit(deed).set_cookie.is_some());
            assert_eq!(user.user().as_deref(), Some("ann"));
            assert_eq!((other.user(), old.user(), new.user()), (None, None, None));
            // Requests under way carry both tokens, and neither may begin a session.
            for late in [&mut old, &mut new] {
                expect_superseded(late);
            }
            fixture.clock.advance(30 * SECOND);
            assert!(other.visit(|session| session.set("k", "v").unwrap()).set_cookie.is_some(), "unknown by now");
        }
    }
}

/// Expects that a write is refused without a cookie.
fn expect_superseded(browser: &mut Browser) {
    let session = browser.start();
    session.set("k", "v").unwrap();
    let refused = block_on(session.exchange().end(200)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Gone);
    assert!(refused.into_parts().1.take_set_cookie().is_none());
}

#[test]
fn tokens_before_several_renewals_are_superseded() {
    let fixture = fixture();
    let mut browser = due(&fixture);
    let mut older = Vec::new();
    for _ in 0..4 {
        older.insert(0, browser.clone());
        assert!(browser.visit(Session::renew).set_cookie.is_some());
    }
    older[..3].iter_mut().for_each(expect_superseded);
    assert!(older[3].visit(|session| session.set("k", "v").unwrap()).set_cookie.is_some(), "one too old");
    assert_eq!(browser.user().as_deref(), Some("ann"));
}

#[test]
fn cookie_that_persists_never_goes_back() {
    let fixture = Fixture::with(|builder| {
        builder.expiry(Expiry::default().idle(60 * MINUTE).persistent_cookie(true)).rotate_every(15 * MINUTE)
    });
    let mut browser = due(&fixture);
    let early = browser.start();
    let mut other = browser.clone();
    browser.visit(Session::principal);
    // Their responses arrive after the one with the new token.
    for _ in 0..2 {
        assert_eq!(other.visit(|session| session.increment("n", 1).unwrap()).set_cookie, None);
    }
    browser.visit(Session::principal);
    early.increment("n", 1).unwrap();
    block_on(early.save()).unwrap();
    early.increment("n", 1).unwrap();
    assert_eq!(block_on(early.exchange().end(200)).unwrap().take_set_cookie(), None);
    assert_eq!(browser.get("n").as_deref(), Some("4"));
}

#[test]
fn a_save_and_a_stream_begin_no_rotation() {
    let fixture = fixture();
    let mut browser = due(&fixture);
    let session = browser.start();
    session.set("k", "v").unwrap();
    block_on(session.save()).unwrap();
    session.set("k", "w").unwrap();
    assert!(browser.finish(&session, 200).unwrap().set_cookie.is_some());
    assert_eq!(browser.get("k").as_deref(), Some("w"));

    fixture.clock.advance(15 * MINUTE - SECOND);
    let stream = browser.start();
    browser.finish(&stream, 200).unwrap();
    fixture.clock.advance(SECOND);
    stream.set("k", "x").unwrap();
    block_on(stream.save()).unwrap();
    let mut other = browser.clone();
    assert!(other.visit(Session::principal).set_cookie.is_some(), "the rotation is still due");

    // The stream continues if it follows each rotation.
    for round in 0..3 {
        other.visit(Session::principal);
        if round % 2 == 0 {
            block_on(stream.reload()).unwrap();
        } else {
            stream.increment("n", 1).unwrap();
            block_on(stream.save()).unwrap();
        }
        fixture.clock.advance(15 * MINUTE);
        assert!(other.visit(Session::principal).set_cookie.is_some());
    }
    assert_eq!(stream.principal().as_deref(), Some("ann"));
}

#[test]
fn a_failed_rotation_is_retried() {
    let fixture = fixture();
    let mut browser = due(&fixture);
    fixture.store.write_down.store(true, std::sync::atomic::Ordering::SeqCst);
    let failed = browser.visit(Session::principal);
    assert_eq!((failed.result.as_deref(), failed.set_cookie), (Some("ann"), None));
    fixture.store.write_down.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(browser.visit(Session::principal).set_cookie.is_some());
    assert!(fixture.take_events().iter().any(|event| matches!(event, Event::StoreFailed { .. })));
}

#[test]
fn without_random_bytes_a_read_does_not_fail() {
    let fixture = fixture();
    let browser = due(&fixture);
    let builder = Sessions::builder().store(fixture.store).clock(fixture.clock).rotate_every(MINUTE);
    let builder = sessions_core::testing::with_entropy(builder, |_| Err(std::io::Error::other("none")));
    let mut browser = Browser { sessions: builder.build().unwrap(), ..browser };
    let read = browser.visit(Session::principal);
    assert_eq!((read.result.as_deref(), read.set_cookie), (Some("ann"), None));
}

/// A visit that rotates, one that writes and one that renews, in all orders. Whichever cookie
/// arrives last, no request begins an anonymous session.
#[test]
fn no_order_with_a_renewal_makes_the_user_anonymous() {
    for (deed, order) in DEEDS.iter().flat_map(|deed| orders(3, 3).into_iter().map(move |order| (deed, order))) {
        let fixture = fixture();
        let mut browser = due(&fixture);
        let mut sessions: [Option<Session>; 3] = [const { None }; 3];
        let mut cookies: [Option<String>; 3] = [const { None }; 3];
        let mut steps = [0; 3];
        for request in &order {
            steps[*request] += 1;
            match steps[*request] {
                1 => sessions[*request] = Some(browser.start()),
                2 => {
                    let session = sessions[*request].take().unwrap();
                    match request {
                        0 => drop(session.principal()),
                        1 => drop(session.increment("n", 1).unwrap()),
                        _ => deed(&session),
                    }
                    let headers = block_on(session.exchange().end(200));
                    cookies[*request] = headers.ok().and_then(|mut headers| headers.take_set_cookie());
                }
                _ => cookies[*request].take().into_iter().for_each(|cookie| browser.keep(&cookie)),
            }
        }
        let session = browser.start();
        session.increment("n", 1).unwrap();
        match block_on(session.exchange().end(200)) {
            Ok(_) => assert_eq!(browser.user().as_deref(), Some("ann"), "{order:?}"),
            Err(refused) => assert_eq!(refused.kind(), ErrorKind::Gone, "{order:?}"),
        }
    }
}

#[test]
fn no_order_of_requests_signs_the_user_out() {
    let all = orders(3, 3);
    assert_eq!(all.len(), 1680);
    for order in all {
        let fixture = fixture();
        // Which responses are lost on their way.
        for lost in 0..8_u8 {
            let mut browser = due(&fixture);
            let mut sessions: [Option<Session>; 3] = [const { None }; 3];
            let mut cookies: [Option<String>; 3] = [const { None }; 3];
            let mut steps = [0; 3];
            for request in &order {
                let request = *request;
                steps[request] += 1;
                match steps[request] {
                    1 => sessions[request] = Some(browser.start()),
                    2 => {
                        let session = sessions[request].take().unwrap();
                        assert_eq!(session.principal().as_deref(), Some("ann"), "{order:?}, lost {lost:b}");
                        if request > 0 {
                            session.increment("n", 1).unwrap();
                        }
                        let mut headers = block_on(session.exchange().end(200)).unwrap();
                        cookies[request] = headers.take_set_cookie();
                    }
                    _ => {
                        if let Some(cookie) = cookies[request].take().filter(|_| lost & 1 << request == 0) {
                            browser.keep(&cookie);
                        }
                    }
                }
            }
            let seen = browser.visit(|session| (session.principal(), session.lenient("n").i64())).result;
            assert_eq!(seen, (Some("ann".to_owned()), Some(2)), "{order:?}, lost {lost:b}");
        }
    }
}

#[test]
fn a_secret_and_its_successor_are_one_session() {
    let fixture = Fixture::with(|builder| builder.rotate_every(Duration::from_secs(60)));
    let mut old = fixture.browser();
    old.set("cart", "7");
    fixture.clock.advance(Duration::from_secs(61));
    let mut new = old.clone();
    new.get("cart");
    let pairs = [old.cookie.take().unwrap(), new.cookie.take().unwrap()];
    for order in [[0, 1], [1, 0]] {
        let mut both = fixture.browser();
        both.cookie = Some(order.map(|number| pairs[number].as_str()).join("; "));
        assert_eq!(both.get("cart").as_deref(), Some("7"), "{order:?}");
    }
    let mut both = fixture.browser();
    both.cookie = Some(pairs.join("; "));
    both.visit(|session| session.destroy());
    assert_eq!(fixture.count(), 0);
}

/// Regression: with a save in each request, no rotation ever began.
#[test]
fn a_request_that_saves_rotates_too() {
    let fixture = fixture();
    let mut browser = due(&fixture);
    let save = |session: &Session| {
        session.set("k", "v").unwrap();
        block_on(session.save()).unwrap();
    };
    assert!(browser.visit(save).set_cookie.is_some());
    assert_eq!(browser.visit(save).set_cookie, None, "the rotation has ended");
    assert_eq!(browser.user().as_deref(), Some("ann"));
}
