use std::sync::mpsc;
use std::time::Duration;

use pollster::block_on;
use sessions_core::{Clock, ConfigErrorKind, DestroyReason, ErrorKind, Expiry, SessionId, Timestamp};

use crate::support::Fixture;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn unused_session_ends_at_the_idle_timeout() {
    for (wait, alive) in [(30 * MINUTE - SECOND, true), (30 * MINUTE, false), (30 * MINUTE + SECOND, false)] {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        browser.set("k", "v");
        fixture.clock.advance(wait);
        assert_eq!(browser.get("k").is_some(), alive, "after {wait:?}");
    }
}

#[test]
fn reload_rejects_an_expired_session() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    let session = browser.start();
    fixture.clock.advance(30 * MINUTE);
    assert_eq!(block_on(session.reload()).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(session.principal(), None);
}

#[test]
fn used_session_ends_at_the_absolute_timeout() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    for minute in 1..12 * 60 {
        fixture.clock.advance(MINUTE);
        let alive = browser.visit(|session| {
            session.shift_expiration().unwrap();
            session.renew();
            session.principal()
        });
        assert!(alive.result.is_some(), "after {minute} minutes");
    }
    fixture.clock.advance(MINUTE);
    assert_eq!(browser.user(), None);
}

#[test]
fn touch_is_written_once_a_minute() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    fixture.store.counts();
    for _ in 0..59 {
        fixture.clock.advance(SECOND);
        browser.get("k");
    }
    assert_eq!(fixture.store.counts(), (59, 0));
    fixture.clock.advance(SECOND);
    browser.get("k");
    browser.get("k");
    assert_eq!(fixture.store.counts(), (2, 1));
}

#[test]
fn own_idle_timeout_is_stored_and_kept() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    browser.visit(|session| session.update_expiration(2 * MINUTE).unwrap());
    fixture.clock.advance(MINUTE);
    browser.set("k", "w");
    assert_eq!(browser.visit(|session| session.remaining()).result, Some(2 * MINUTE));
    fixture.clock.advance(2 * MINUTE);
    assert_eq!(browser.get("k"), None);
}

#[test]
fn own_timeout_moves_an_earlier_absolute_one() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let remaining = |browser: &mut crate::support::Browser, own: Duration| {
        browser.visit(|session| session.update_expiration(own).unwrap());
        browser.visit(|session| session.remaining()).result
    };
    browser.set("k", "v");
    let day = 24 * 60 * MINUTE;
    assert_eq!(remaining(&mut browser, 30 * day), Some(30 * day));
    fixture.clock.advance(29 * day);
    browser.set("k", "w");
    assert_eq!(browser.visit(|session| session.remaining()).result, Some(day), "use does not extend the deadline");

    // A shorter one leaves the deadline alone.
    let mut other = fixture.browser();
    other.set("k", "v");
    assert_eq!(remaining(&mut other, MINUTE), Some(MINUTE));
    for _ in 0..12 * 120 - 1 {
        fixture.clock.advance(MINUTE / 2);
        other.set("k", "w");
    }
    fixture.clock.advance(MINUTE / 2);
    assert_eq!(other.get("k"), None, "12 hours are over");
    browser.set("k", "v");
    assert_eq!(remaining(&mut browser, Duration::MAX), None, "it never ends");
}

#[test]
fn shifting_needs_a_session() {
    let fixture = Fixture::new();
    let session = fixture.browser().start();
    assert_eq!(session.shift_expiration().unwrap_err().kind(), ErrorKind::NoSession);
    assert_eq!(session.update_expiration(MINUTE).unwrap_err().kind(), ErrorKind::NoSession);
    session.set("k", "v").unwrap();
    session.update_expiration(MINUTE).unwrap();
}

#[test]
fn new_session_can_have_its_own_timeout() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.set("k", "v").unwrap();
        session.update_expiration(MINUTE).unwrap();
    });
    fixture.clock.advance(MINUTE);
    assert_eq!(browser.get("k"), None);
}

#[test]
fn session_ended_mid_request_stays_dead() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let session = browser.start();
    fixture.clock.advance(31 * MINUTE);
    session.set("k", "late").unwrap();
    assert_eq!(session.lenient("k").text().as_deref(), Some("late"));
    assert_eq!(browser.finish(&session, 200).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(browser.get("k"), None);
}

#[test]
fn clock_going_back_changes_no_deadline() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let start = fixture.clock.now();
    fixture.clock.set(Timestamp::from_millis(start.as_millis() - 5 * 60_000));
    browser.set("k", "w");
    fixture.clock.set(start);
    assert_eq!(browser.get("k").as_deref(), Some("w"));
    fixture.clock.advance(30 * MINUTE);
    assert_eq!(browser.get("k"), None);
}

/// Regression: a session created while the clock was ten years ahead lived for ten years.
#[test]
fn session_from_the_future_is_dead() {
    let fixture = Fixture::new();
    let start = fixture.clock.now();
    for (ahead, is_alive) in
        [(5 * MINUTE, true), (5 * MINUTE + Duration::from_millis(1), false), (87_600 * 60 * MINUTE, false)]
    {
        fixture.clock.set(start.after(ahead));
        let mut browser = fixture.browser();
        browser.visit(|session| session.login("ann").unwrap());
        let late = browser.start();
        fixture.clock.set(start);
        let listed = block_on(fixture.sessions.sessions_of("ann")).unwrap().len();
        assert_eq!((browser.user().is_some(), listed), (is_alive, usize::from(is_alive)), "{ahead:?} ahead");
        late.set("k", "v").unwrap();
        assert_eq!(browser.clone().finish(&late, 200).is_ok(), is_alive, "{ahead:?} ahead");
        // This node's clock may be the wrong one, so a record that looks dead is not removed.
        block_on(fixture.sessions.sweep(10)).unwrap();
        assert_eq!(fixture.count(), 1);
        block_on(fixture.sessions.destroy_all()).unwrap();
    }
}

#[test]
fn expired_sessions_are_swept_in_slices() {
    let fixture = Fixture::new();
    for _ in 0..250 {
        fixture.browser().set("k", "v");
    }
    fixture.clock.advance(31 * MINUTE);
    fixture.browser().set("k", "alive");
    fixture.take_events();
    let mut swept = 0;
    loop {
        let slice = block_on(fixture.sessions.sweep(100)).unwrap();
        assert!(slice <= 100);
        swept += slice;
        assert!(swept <= 250, "more are swept than there were: {swept}");
        if slice < 100 {
            break;
        }
    }
    assert_eq!((swept, fixture.count(), fixture.take_events().len()), (250, 1, 250));
}

#[test]
fn manager_sweeps_at_any_interval() {
    // Regression: a thread that ran before the manager was complete found no manager and stopped
    // for good.
    for _ in 0..100 {
        let (ended, swept) = mpsc::channel();
        let fixture = Fixture::with(|builder| {
            builder.sweep_every(Duration::from_millis(1)).on_destroy(move |_, reason| ended.send(reason).unwrap())
        });
        fixture.browser().set("k", "v");
        fixture.clock.advance(30 * MINUTE);
        assert_eq!(swept.recv_timeout(MINUTE), Ok(DestroyReason::Expired));
    }
}

#[test]
fn zero_durations_are_refused() {
    let micros = Duration::from_micros(999);
    for zero in [Duration::ZERO, micros] {
        let builder = sessions_core::Sessions::builder().sweep_every(zero);
        assert_eq!(builder.build().unwrap_err().kind(), ConfigErrorKind::ZeroInterval, "{zero:?}");
    }
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    for zero in [Duration::ZERO, micros] {
        let refused = browser.visit(|session| session.update_expiration(zero)).result.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ZeroExpiry, "{zero:?}");
    }
    assert_eq!(browser.get("k").as_deref(), Some("v"));
}

#[test]
fn session_without_timeouts_does_not_end() {
    let fixture = Fixture::with(|builder| builder.expiry(Expiry::never()));
    let mut browser = fixture.browser();
    browser.set("k", "v");
    fixture.clock.advance(Duration::from_secs(100 * 365 * 86_400));
    let left = browser.visit(|session| (session.lenient("k").text(), session.expires_at(), session.remaining()));
    assert_eq!(left.result, (Some("v".to_owned()), None, None));
}

#[test]
fn persistent_cookie_is_resent_with_its_timeout() {
    let uses: [fn(&sessions_core::Session); 3] = [
        |session| assert!(session.increment("n", 1).unwrap() > 1),
        |session| assert!(block_on(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1)).unwrap() > 1),
        |session| assert!(session.lenient("n").i64().is_some()),
    ];
    for use_it in uses {
        let expiry = Expiry::default().idle(Duration::from_secs(1800)).persistent_cookie(true);
        let fixture = Fixture::with(|builder| builder.expiry(expiry));
        let mut browser = fixture.browser();
        browser.visit(|session| session.set("n", &1).unwrap());
        let mut age = Duration::ZERO;
        for _ in 0..70 {
            fixture.clock.advance(Duration::from_secs(30));
            age += Duration::from_secs(30);
            if browser.visit(use_it).set_cookie.is_some() {
                age = Duration::ZERO;
            }
            assert!(age < Duration::from_secs(1800), "the browser has dropped the cookie");
        }
    }
}

#[test]
fn failed_request_counts_as_use() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    for _ in 0..40 {
        fixture.clock.advance(MINUTE);
        let session = browser.start();
        browser.finish(&session, 500).unwrap();
    }
    assert_eq!(browser.get("k").as_deref(), Some("v"));
}

#[test]
fn listing_names_principal_and_expiry() {
    let fixture = Fixture::with(|builder| builder.expiry(Expiry::default().idle(2 * MINUTE)));
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    fixture.clock.advance(MINUTE);
    browser.visit(|session| session.set("k", "v").unwrap());
    let (id, ends) = browser.visit(|session| (session.id().unwrap(), session.expires_at())).result;
    let listed = block_on(fixture.sessions.sessions_of("ann")).unwrap();
    let [info] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((info.id(), info.principal(), info.expires_at()), (id, Some("ann"), ends));
    assert_eq!(ends, Some(fixture.clock.now().after(2 * MINUTE)));
    assert_eq!(info.last_seen_at().since(info.created_at()), MINUTE);

    let fixture = Fixture::with(|builder| builder.expiry(Expiry::never()));
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let (listed, _) = block_on(fixture.sessions.scan(None, 10)).unwrap();
    assert_eq!(listed.iter().map(|info| (info.principal(), info.expires_at())).collect::<Vec<_>>(), [(None, None)]);
    assert_eq!(browser.visit(|session| session.expires_at()).result, None);
}

#[test]
fn a_listing_serializes_ids_as_text_and_times_as_milliseconds() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    let listed = block_on(fixture.sessions.sessions_of("ann")).unwrap();
    let now = fixture.clock.now().as_millis();
    let expected = serde_json::json!([{
        "id": listed[0].id().to_string(),
        "created_at": now,
        "last_seen_at": now,
        "expires_at": now + 30 * 60 * 1000,
        "principal": "ann",
        "signed_in_at": now,
    }]);
    assert_eq!(serde_json::to_value(&listed).unwrap(), expected);
    assert_eq!(serde_json::from_value::<Timestamp>(now.into()).unwrap(), listed[0].created_at());
    let text = expected[0]["id"].clone();
    assert_eq!(serde_json::from_value::<SessionId>(text).unwrap(), listed[0].id());
    assert!(serde_json::from_value::<SessionId>("ann".into()).is_err());
}
