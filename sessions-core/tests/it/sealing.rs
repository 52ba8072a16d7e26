//! Signed and encrypted cookies.

use std::sync::Arc;

use sessions_core::store::Store;
use sessions_core::{SealKey, Sessions, SessionsBuilder};

use crate::support::Fixture;

fn key(seed: u8) -> SealKey {
    SealKey::new(&(0..32).map(|n: u8| n.wrapping_mul(n).wrapping_add(seed)).collect::<Vec<_>>()).unwrap()
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

        let shared = || Sessions::builder().store(Arc::clone(&fixture.store) as Arc<dyn Store>);
        let rotated = |keys| mode(shared().clock(Arc::clone(&fixture.clock)), keys).build().unwrap();
        browser.sessions = rotated(vec![key(2), key(1)]);
        let mut other_tab = browser.clone();
        let used = browser.visit(|session| session.lenient("k").text());
        assert_eq!(used.result.as_deref(), Some("v"), "the old key is still listed");
        assert!(used.set_cookie.is_some(), "using the session seals its token with the new key");
        assert_eq!(browser.visit(|session| session.lenient("k").text()).set_cookie, None);
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
    let builder = Sessions::builder().store(Arc::clone(&fixture.store) as Arc<dyn Store>);
    browser.sessions = builder.clock(Arc::clone(&fixture.clock)).signed([key(2), key(1)]).build().unwrap();
    let late = browser.start();
    assert_eq!(late.lenient("k").text().as_deref(), Some("v"));
    browser.visit(|session| session.renew());
    assert_eq!(browser.clone().finish(&late, 200).unwrap().set_cookie, None);
    assert_eq!(browser.get("k").as_deref(), Some("v"));
}

#[test]
fn an_encrypted_cookie_hides_the_token() {
    let fixture = Fixture::with(|builder| builder.encrypted([key(1)]));
    let mut browser = fixture.browser();
    browser.set("k", "v");
    browser.sessions = Sessions::builder().store(Arc::clone(&fixture.store) as Arc<dyn Store>).build().unwrap();
    assert!(browser.visit(|session| session.is_new()).result, "a sealed value is not a token");
}

#[test]
fn debug_of_a_builder_shows_no_key() {
    let key = SealKey::new(b"a very sensitive key of 32 bytes!").unwrap();
    let builder = Sessions::builder().signed([key.clone()]);
    let mut shown = format!("{builder:?} {key:?}");
    shown += &format!("{:?}", builder.build().unwrap());
    assert!(!shown.contains("sensitive") && !shown.contains("115, 101, 110"), "{shown}");
}
