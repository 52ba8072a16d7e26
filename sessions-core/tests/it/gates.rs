//! Gates that admit only signed-in visitors, or only those who signed in recently.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pollster::block_on;
use sessions_core::adapter::{Gate, RequestHeader, SignedIn};
use sessions_core::{ConfigErrorKind, Error, ErrorKind, OutagePolicy, Sessions, SessionsBuilder};

use crate::support::{Fake, Fixture, made_up_token};

const MINUTE: Duration = Duration::from_secs(60);

fn fixture() -> Fixture {
    Fixture::with(|builder| builder.login_page("/login").confirm_page("/confirm"))
}

/// Signs in and returns the cookie.
fn sign_in(fixture: &Fixture) -> String {
    let exchange = fixture.sessions.open();
    block_on(exchange.session([])).unwrap().login("ann").unwrap();
    let set_cookie = block_on(exchange.end(200)).unwrap().take_set_cookie().unwrap();
    set_cookie.split(';').next().unwrap().to_owned()
}

/// Requests a page for signed-in visitors.
fn ask(fixture: &Fixture, cookie: &str) -> Result<SignedIn, Error> {
    let page = Fake::get("/orders").with(&[(RequestHeader::Cookie, cookie), (RequestHeader::Accept, "text/html")]);
    Gate::of(&page).admit(block_on(fixture.sessions.open().session_from(&page))?)
}

#[test]
fn only_signed_in_visitors_are_admitted() {
    let fixture = fixture();
    let user = ask(&fixture, &sign_in(&fixture)).unwrap();
    assert_eq!((user.principal(), user.session().id().is_some()), ("ann", true));
    assert_eq!(user.get::<i32>("cart").unwrap(), None, "a `SignedIn` is a session too");
    let debug = format!("{user:?}");
    assert!(debug.contains(&user.id().unwrap().to_string()) && !debug.contains("ann"), "{debug}");

    let denied = ask(&fixture, "theme=dark").unwrap_err();
    assert_eq!((denied.kind(), denied.status()), (ErrorKind::NotSignedIn, 303));
    assert_eq!(denied.location(), Some("/login?next=/orders"));
    assert!(!format!("{denied} {denied:?}").contains("orders"), "a path may be private");
}

#[test]
fn form_of_the_targets_authority_is_found_again() {
    let fixture = fixture();
    for (authority, location) in [("shop.example", "/login?next=/cart"), ("evil.example", "/login")] {
        let form = Fake::new("POST", "/buy").at(authority).with(&[
            (RequestHeader::SecFetchMode, "navigate"),
            (RequestHeader::Referer, "https://shop.example/cart"),
            (RequestHeader::Host, "shop.example"),
        ]);
        let denied = Gate::of(&form).admit(block_on(fixture.sessions.open().session([])).unwrap()).unwrap_err();
        assert_eq!(denied.location(), Some(location), "{authority}");
    }
}

#[test]
fn stale_login_must_be_confirmed() {
    let fixture = fixture();
    let cookie = sign_in(&fixture);
    fixture.clock.advance(9 * MINUTE);
    let user = ask(&fixture, &cookie).unwrap();
    user.within(10 * MINUTE).unwrap();
    let denied = user.within(9 * MINUTE).unwrap_err();
    assert_eq!((denied.kind(), denied.status()), (ErrorKind::ConfirmationRequired, 303));
    assert_eq!(denied.location(), Some("/confirm?next=/orders"));
    let (page, session) = (Fake::get("/orders"), user.session());
    let gate = |time| Gate::of(&page).within(Some(time)).admit(session.clone()).map(drop);
    gate(10 * MINUTE).unwrap();
    assert_eq!(gate(9 * MINUTE).unwrap_err().kind(), ErrorKind::ConfirmationRequired);
    user.confirm().unwrap();
    user.within(MINUTE).unwrap();
}

#[test]
fn visitor_of_an_unreachable_store_is_not_sent_to_the_login_page() {
    for policy in [OutagePolicy::Refuse, OutagePolicy::Anonymous] {
        let fixture = Fixture::with(|builder| builder.login_page("/login").outage(policy));
        let cookie = sign_in(&fixture);
        fixture.store.down.store(true, Ordering::SeqCst);
        let denied = ask(&fixture, &cookie).unwrap_err();
        assert_eq!((denied.status(), denied.location()), (503, None), "{policy:?}");
    }
}

/// Regression: `Gone`, so that an optional visitor was refused too.
#[test]
fn bearer_token_without_a_session_is_not_signed_in() {
    let fixture = Fixture::with(|builder| builder.bearer(true));
    let issued = block_on(fixture.sessions.issue("ann")).unwrap();
    let ask = || {
        let token = format!("Bearer {}", issued.token());
        let request = Fake::get("/orders").with(&[(RequestHeader::Authorization, &token)]);
        Gate::of(&request).admit(block_on(fixture.sessions.open().session_from(&request)).unwrap())
    };
    assert_eq!(ask().unwrap().principal(), "ann");
    fixture.clock.advance(31 * MINUTE);
    let denied = ask().unwrap_err();
    assert_eq!((denied.kind(), denied.status()), (ErrorKind::NotSignedIn, 401));
}

/// Nobody knows then who is signed in, so an optional visitor is refused as well.
#[test]
fn unchecked_token_is_not_a_stranger() {
    let outage = |builder: SessionsBuilder| builder.outage(OutagePolicy::Anonymous);
    let fixture = Fixture::with(outage);
    let cookie = sign_in(&fixture);
    let denied = |cookie: &str| ask(&fixture, cookie).unwrap_err().kind();
    let many: String = (0..9).map(|seed| format!("__Host-id={};", made_up_token(seed))).collect();
    assert_eq!(denied(&many), ErrorKind::TooManyTokens);
    fixture.store.newer.store(true, Ordering::SeqCst);
    assert_eq!(denied(&cookie), ErrorKind::NewerFormat);
    fixture.store.newer.store(false, Ordering::SeqCst);
    fixture.store.down.store(true, Ordering::SeqCst);
    assert_eq!(denied(&cookie), ErrorKind::StoreUnavailable);
}

#[test]
fn visitor_with_two_sessions_is_not_signed_in() {
    let fixture = Fixture::new();
    let cookies = format!("{}; {}", sign_in(&fixture), sign_in(&fixture));
    assert_eq!(ask(&fixture, &cookies).unwrap_err().kind(), ErrorKind::NotSignedIn);
}

#[test]
fn invalid_page_is_refused() {
    for builder in
        [Sessions::builder().login_page("https://a.example"), Sessions::builder().confirm_page("//a.example")]
    {
        assert_eq!(builder.build().unwrap_err().kind(), ConfigErrorKind::Page);
    }
}
