use std::sync::Arc;

use sessions_core::{Event, Expiry, RejectReason, SameSite, SealKey, Sessions, SessionsBuilder, Store};

use crate::support::{Fixture, made_up_token};

fn key(seed: u8) -> SealKey {
    SealKey::new(&(0..32).map(|n: u8| n.wrapping_mul(n).wrapping_add(seed)).collect::<Vec<_>>()).unwrap()
}

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
fn two_live_sessions_are_ambiguous() {
    let fixture = Fixture::new();
    let (mut one, mut other) = (fixture.browser(), fixture.browser());
    one.visit(|session| session.login("victim").unwrap());
    other.visit(|session| session.login("attacker").unwrap());
    let mut both = fixture.browser();
    both.cookie = Some(format!("{}; {}", one.cookie.clone().unwrap(), other.cookie.clone().unwrap()));
    fixture.take_events();
    assert_eq!(both.user(), None);
    assert!(fixture.take_events().contains(&Event::Rejected { id: None, reason: RejectReason::Ambiguous }));
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
    assert_eq!(fixture.take_events(), [Event::Rejected { id, reason: RejectReason::WrongSecret }]);
}

#[test]
fn rotating_seal_keys_keeps_sessions_signed_in() {
    let modes: [fn(SessionsBuilder, Vec<SealKey>) -> SessionsBuilder; 2] =
        [|builder, keys| builder.signed(keys), |builder, keys| builder.encrypted(keys)];
    for mode in modes {
        let fixture = Fixture::with(|builder| mode(builder, vec![key(1)]));
        let mut browser = fixture.browser();
        browser.set("k", "v");
        assert_eq!(browser.get("k").as_deref(), Some("v"));
        let mut absent = browser.clone();

        let shared = || Sessions::builder().shared_store(Arc::clone(&fixture.store) as Arc<dyn Store>);
        let rotated = |keys| mode(shared().clock(Arc::clone(&fixture.clock)), keys).build().unwrap();
        browser.sessions = rotated(vec![key(2), key(1)]);
        let mut other_tab = browser.clone();
        let used = browser.visit(|session| session.get_string("k"));
        assert_eq!(used.result.as_deref(), Some("v"), "the old key is still listed");
        assert!(used.set_cookie.is_some(), "using the session seals its token with the new key");
        assert_eq!(browser.visit(|session| session.get_string("k")).set_cookie, None);
        // Another tab still sends the old cookie, and opens the same session.
        assert_eq!(other_tab.get("k").as_deref(), Some("v"));
        browser.sessions = rotated(vec![key(2)]);
        assert_eq!(browser.get("k").as_deref(), Some("v"), "a session in use outlives the old key");
        absent.sessions = rotated(vec![key(2)]);
        assert_eq!(absent.get("k"), None, "the old key is no longer listed");
    }
}

/// Resealing resends the request's own token. After a concurrent renewal that token is dead, and
/// must not overwrite the cookie of the renewal.
#[test]
fn a_concurrent_renewal_prevents_resealing() {
    let fixture = Fixture::with(|builder| builder.signed([key(1)]));
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let builder = Sessions::builder().shared_store(Arc::clone(&fixture.store) as Arc<dyn Store>);
    browser.sessions = builder.clock(Arc::clone(&fixture.clock)).signed([key(2), key(1)]).build().unwrap();
    let late = browser.start();
    assert_eq!(late.get_string("k").as_deref(), Some("v"));
    browser.visit(|session| session.renew());
    assert_eq!(browser.clone().finish(&late, 200).unwrap().set_cookie, None);
    assert_eq!(browser.get("k").as_deref(), Some("v"));
}

#[test]
fn an_encrypted_cookie_hides_the_token() {
    let fixture = Fixture::with(|builder| builder.encrypted([key(1)]));
    let mut browser = fixture.browser();
    browser.set("k", "v");
    browser.sessions = Sessions::builder().shared_store(Arc::clone(&fixture.store) as Arc<dyn Store>).build().unwrap();
    assert!(browser.visit(|session| session.is_new()).result, "a sealed value is not a token");
}

#[test]
fn max_age_is_the_remaining_lifetime() {
    let minute = std::time::Duration::from_secs(60);
    let expiry = Expiry::default().idle(30 * minute).absolute(40 * minute).cookie_until_expiry();
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
        |builder| builder.cookie_name("__Host-id").insecure_http(),
        |builder| builder.cookie_name("__host-id"),
        |builder| builder.cookie_name("a b"),
        |builder| builder.same_site(SameSite::None).insecure_http(),
        |builder| builder.partitioned().insecure_http(),
        |builder| builder.domain("co"),
    ];
    for options in refused {
        assert!(options(Sessions::builder()).build().is_err());
    }
    assert!(Sessions::builder().same_site(SameSite::None).partitioned().build().is_ok());
    assert!(Sessions::builder().idle(std::time::Duration::ZERO).build().is_err());
    assert!(Sessions::builder().signed([]).build().is_err());
}
