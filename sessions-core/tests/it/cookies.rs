use pollster::block_on;
use sessions_core::{Event, Expiry, RejectReason, SameSite, Sessions, SessionsBuilder};

use crate::support::{Fixture, made_up_token};

#[test]
fn the_live_one_of_several_cookies_is_used() {
    let fixture = Fixture::new();
    let mut good = fixture.browser();
    good.set("k", "v");
    let pair = good.cookie.clone().unwrap();
    let dead = format!("__Host-id={}", made_up_token(3));
    for cookie in [
        format!("{dead}; {pair}"),
        format!("{pair}; {dead}"),
        format!("{pair}; {pair}"),
        format!("__Host-id=bad; __Host-id=; {dead}; {pair}"),
    ] {
        let mut browser = fixture.browser();
        browser.cookie = Some(cookie.clone());
        assert_eq!(browser.get("k").as_deref(), Some("v"), "{}", cookie.matches("__Host-id").count());
    }
}

#[test]
fn every_cookie_header_is_read() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let pair = browser.cookie.clone().unwrap();
    for headers in [[pair.as_bytes(), b"theme=dark"], [b"theme=dark", pair.as_bytes()]] {
        let session = block_on(fixture.sessions.open().session(headers)).unwrap();
        assert_eq!(session.lenient("k").text().as_deref(), Some("v"));
    }
}

#[test]
fn two_live_sessions_are_ambiguous() {
    let fixture = Fixture::new();
    let (mut one, mut other) = (fixture.browser(), fixture.browser());
    one.visit(|session| session.login("victim").unwrap());
    other.visit(|session| session.login("attacker").unwrap());
    let mut both = fixture.browser();
    both.cookie = Some(format!("{}; {}", one.cookie.clone().unwrap(), other.cookie.clone().unwrap()));
    fixture.take_events();
    assert_eq!(both.user(), None);
    let is_expected =
        |event: &Event| matches!(event, Event::Rejected { id: None, reason: RejectReason::Ambiguous, .. });
    assert!(fixture.take_events().iter().any(is_expected));
    assert_eq!((one.user().as_deref(), other.user().as_deref()), (Some("victim"), Some("attacker")));
}

#[test]
fn invalid_tokens_never_reach_the_store() {
    let fixture = Fixture::new();
    let long = "A".repeat(4096);
    let hostile = [
        "",
        "*",
        "A",
        "/../../etc/passwd",
        "%00",
        "\0",
        "ü",
        "' OR 1=1",
        "{}",
        &long,
        &"A".repeat(44),
        &"=".repeat(43),
    ];
    for value in hostile {
        let mut browser = fixture.browser();
        browser.cookie = Some(format!("__Host-id={value}"));
        assert!(browser.visit(|session| session.is_new()).result);
    }
    assert_eq!(fixture.store.counts(), (0, 0));
}

#[test]
fn a_wrong_secret_opens_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    let id = browser.visit(|session| session.id()).result;
    let pair = browser.cookie.clone().unwrap();
    let mut thief = fixture.browser();
    let (head, tail) = pair.split_at(pair.len() - 5);
    let forged =
        format!("{head}{}", tail.chars().rev().collect::<String>().replace(|c: char| !"AQgw".contains(c), "A"));
    assert_ne!(forged, pair);
    thief.cookie = Some(forged);
    fixture.take_events();
    assert_eq!(thief.user(), None);
    assert_eq!(fixture.take_rejections(), [(id, RejectReason::WrongSecret)]);
}

#[test]
fn max_age_is_the_remaining_lifetime() {
    let minute = std::time::Duration::from_secs(60);
    let expiry = Expiry::default().idle(30 * minute).absolute(40 * minute).persistent_cookie(true);
    let fixture = Fixture::with(|builder| builder.expiry(expiry));
    let mut browser = fixture.browser();
    let age = |cookie: Option<String>| cookie?.rsplit("Max-Age=").next()?.parse::<u64>().ok();
    let first = browser.visit(|session| session.set("k", "v").unwrap()).set_cookie;
    assert_eq!(age(first), Some(30 * 60));
    assert_eq!(browser.visit(|session| session.len()).set_cookie, None, "the deadline has not moved yet");
    fixture.clock.advance(20 * minute);
    let touched = browser.visit(|session| session.len()).set_cookie;
    assert_eq!(age(touched), Some(20 * 60), "the absolute deadline comes first");
    let updated = browser.visit(|session| session.update_expiration(minute).unwrap()).set_cookie;
    assert_eq!(age(updated), Some(60));
    let shifted = browser.visit(|session| session.shift_expiration().unwrap()).set_cookie;
    assert_eq!(age(shifted), Some(60));
}

#[test]
fn a_session_without_expiry_gets_400_days() {
    let fixture = Fixture::with(|builder| builder.expiry(Expiry::never()));
    let cookie = fixture.browser().visit(|session| session.set("k", "v").unwrap()).set_cookie.unwrap();
    assert!(cookie.ends_with("; Max-Age=34560000"), "{cookie}");
}

#[test]
fn options_that_browsers_refuse_are_refused() {
    let refused: [fn(SessionsBuilder) -> SessionsBuilder; 8] = [
        |builder| builder.cookie_name("__Host-id").domain("example.com"),
        |builder| builder.cookie_name("__Host-id").path("/app"),
        |builder| builder.cookie_name("__Host-id").secure(false),
        |builder| builder.cookie_name("__host-id"),
        |builder| builder.cookie_name("a b"),
        |builder| builder.same_site(SameSite::None).secure(false),
        |builder| builder.partitioned(true).secure(false),
        |builder| builder.domain("co"),
    ];
    for options in refused {
        assert!(options(Sessions::builder()).build().is_err());
    }
    assert!(Sessions::builder().same_site(SameSite::None).partitioned(true).build().is_ok());
    assert!(Sessions::builder().idle(std::time::Duration::ZERO).build().is_err());
    #[cfg(feature = "seal")]
    assert!(Sessions::builder().signed([]).build().is_err());
}
