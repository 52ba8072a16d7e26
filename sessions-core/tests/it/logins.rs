//! How long a login lasts, and how long ago it was.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pollster::block_on;
use sessions_core::store::Store;
use sessions_core::{Clock, ErrorKind, Event, Expiry, Login, Session};

use crate::support::{Browser, Fixture};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the `Max-Age` of the cookie that a request sets, if it has one.
fn max_age(set_cookie: Option<&str>) -> Option<Duration> {
    let seconds = set_cookie?.rsplit_once("Max-Age=")?.1.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A request, and the expected cookie and lifetime after it.
struct Step {
    name: &'static str,
    /// Time before the request.
    after: Duration,
    deed: fn(&Session),
    /// The cookie's `Max-Age`; `None` if it ends with the browser or is not set.
    max_age: Option<Duration>,
    /// Remaining lifetime without use.
    remaining: Duration,
    /// Remaining lifetime with any use.
    at_most: Duration,
}

fn run(title: &str, expiry: Expiry, steps: &[Step]) {
    let fixture = Fixture::with(|builder| builder.expiry(expiry));
    let mut browser = fixture.browser();
    for Step { name, after, deed, max_age: age, remaining, at_most } in steps {
        fixture.clock.advance(*after);
        let set_cookie = browser.visit(deed).set_cookie;
        assert_eq!(max_age(set_cookie.as_deref()), *age, "{title}: {name}");
        let left = browser.visit(Session::remaining).result;
        assert_eq!(left, Some(*remaining), "{title}: {name}");
        assert_eq!(longest(&fixture, &mut browser), *at_most, "{title}: {name}");
    }
}

/// Returns the time until the absolute deadline of a session.
fn longest(fixture: &Fixture, browser: &mut Browser) -> Duration {
    let id = browser.visit(Session::id).result.unwrap();
    let now = fixture.clock.now();
    let record = block_on(fixture.store.load(id, now)).unwrap().unwrap();
    record.lifetime().absolute_deadline().since(now)
}

#[test]
fn every_login_has_a_lifetime_of_its_own() {
    const LOGIN: fn(&Session) = |session| session.login("ann").unwrap();
    const REMEMBERED: fn(&Session) = |session| session.login(Login::new("ann").remember(30 * DAY)).unwrap();
    const WRITE: fn(&Session) = |session| _ = session.increment("n", 1).unwrap();
    const SAVED: fn(&Session) = |session| {
        session.increment("n", 1).unwrap();
        block_on(session.save()).unwrap();
    };
    let brief =
        |name, after, deed| Step { name, after, deed, max_age: None, remaining: 30 * MINUTE, at_most: 12 * HOUR };
    let day = |name, deed, age, remaining, at_most| Step { name, after: DAY, deed, max_age: age, remaining, at_most };

    run(
        "the defaults",
        Expiry::default(),
        &[
            brief("a visitor", Duration::ZERO, WRITE),
            Step { at_most: 12 * HOUR - 20 * MINUTE, ..brief("a write", 20 * MINUTE, WRITE) },
            brief("a login restarts the deadline", 20 * MINUTE, LOGIN),
        ],
    );
    run(
        "keep me signed in",
        Expiry::default(),
        &[
            Step {
                name: "a login",
                after: Duration::ZERO,
                deed: REMEMBERED,
                max_age: Some(30 * DAY),
                remaining: 30 * DAY,
                at_most: 30 * DAY,
            },
            day("a write", WRITE, Some(29 * DAY), 29 * DAY, 29 * DAY),
            day("a save", SAVED, Some(28 * DAY), 28 * DAY, 28 * DAY),
            day("a renewal", Session::renew, Some(27 * DAY), 27 * DAY, 27 * DAY),
            day("a confirmation", |session| session.confirm().unwrap(), Some(26 * DAY), 26 * DAY, 26 * DAY),
            day("remembered again", REMEMBERED, Some(30 * DAY), 30 * DAY, 30 * DAY),
            day("a login that is not remembered", LOGIN, None, 30 * MINUTE, 12 * HOUR),
            Step { at_most: 12 * HOUR - MINUTE, ..brief("a write", MINUTE, WRITE) },
        ],
    );
    run(
        "an own idle timeout",
        Expiry::default(),
        &[
            Step {
                remaining: 2 * MINUTE,
                at_most: 12 * HOUR,
                ..brief("short", Duration::ZERO, |session| {
                    session.login(Login::new("ann").idle(2 * MINUTE)).unwrap();
                })
            },
            Step {
                at_most: 8 * HOUR,
                ..brief("a shift", MINUTE, |session| {
                    session.login(Login::new("ann").absolute(8 * HOUR)).unwrap();
                })
            },
            Step {
                name: "an update makes the cookie persist",
                after: MINUTE,
                deed: |session| session.update_expiration(3 * DAY).unwrap(),
                max_age: Some(3 * DAY),
                remaining: 3 * DAY,
                at_most: 3 * DAY,
            },
            day("a save", SAVED, Some(2 * DAY), 2 * DAY, 2 * DAY),
            day("a login replaces it", LOGIN, None, 30 * MINUTE, 12 * HOUR),
        ],
    );
    run(
        "cookies that persist",
        Expiry::default().idle(2 * HOUR).persistent_cookie(true),
        &[
            Step {
                name: "a visitor",
                after: Duration::ZERO,
                deed: WRITE,
                max_age: Some(2 * HOUR),
                remaining: 2 * HOUR,
                at_most: 12 * HOUR,
            },
            Step {
                name: "a login",
                after: HOUR,
                deed: LOGIN,
                max_age: Some(2 * HOUR),
                remaining: 2 * HOUR,
                at_most: 12 * HOUR,
            },
            Step {
                name: "remembered",
                after: HOUR,
                deed: REMEMBERED,
                max_age: Some(30 * DAY),
                remaining: 30 * DAY,
                at_most: 30 * DAY,
            },
        ],
    );
}

#[test]
fn invalid_logins_change_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let zero = Duration::from_micros(999);
    for (login, kind) in [
        (Login::new("ann").remember(zero), ErrorKind::ZeroExpiry),
        (Login::new("ann").idle(zero), ErrorKind::ZeroExpiry),
        (Login::new("ann").absolute(zero), ErrorKind::ZeroExpiry),
        (Login::new("x".repeat(1025)), ErrorKind::TooLarge),
        (Login::new(""), ErrorKind::EmptyPrincipal),
    ] {
        let refused = browser.visit(|session| session.login(login).unwrap_err().kind());
        assert_eq!((refused.result, refused.set_cookie), (kind, None));
    }
    assert_eq!(browser.user(), None);
    let endless = Login::new("ann").idle(None).absolute(None);
    assert!(!format!("{endless:?}").contains("ann"));
    browser.visit(|session| session.login(endless).unwrap());
    assert_eq!(browser.visit(Session::remaining).result, None);
}

#[test]
fn presence_is_proved_by_a_login_or_a_confirmation() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let recent = |browser: &mut Browser| {
        browser.visit(|session| (session.signed_in_within(10 * MINUTE), session.signed_in_at().is_some())).result
    };
    browser.set("cart", "7");
    assert_eq!(recent(&mut browser), (false, false));
    let kind = browser.visit(|session| session.confirm().unwrap_err().kind()).result;
    assert_eq!(kind, ErrorKind::NotSignedIn);

    browser.visit(|session| {
        session.login("ann").unwrap();
        assert!(session.signed_in_within(MINUTE), "in the same request");
    });
    fixture.clock.advance(10 * MINUTE - Duration::from_millis(1));
    browser.set("k", "v");
    assert_eq!(recent(&mut browser), (true, true));
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(recent(&mut browser), (false, true));

    let (mut old, before) = (browser.clone(), browser.visit(Session::id).result);
    fixture.take_events();
    let confirmed = browser.visit(|session| session.confirm().unwrap());
    assert!(confirmed.set_cookie.is_some(), "the token is replaced");
    assert!(matches!(fixture.take_events()[..], [Event::Renewed { id, .. }] if Some(id) == before));
    assert_eq!(recent(&mut browser), (true, true));
    assert_eq!((browser.visit(Session::id).result, browser.get("cart").as_deref()), (before, Some("7")));
    assert_eq!(old.user(), None);

    // After a failed save, the response saves the confirmation.
    fixture.clock.advance(20 * MINUTE);
    let session = browser.start();
    session.confirm().unwrap();
    fixture.store.write_down.store(true, Ordering::SeqCst);
    assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::StoreUnavailable);
    fixture.store.write_down.store(false, Ordering::SeqCst);
    browser.finish(&session, 200).unwrap();
    assert_eq!(recent(&mut browser), (true, true));

    // A failed response keeps the new token, as after any renewal, but not the confirmation.
    fixture.clock.advance(20 * MINUTE);
    let session = browser.start();
    session.confirm().unwrap();
    browser.finish(&session, 500).unwrap();
    assert_eq!(recent(&mut browser), (false, true));
}
