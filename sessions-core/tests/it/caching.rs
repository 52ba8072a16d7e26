//! `Cache-Control`: which responses a cache or the browser's back button may store.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pollster::block_on;
use sessions_core::Session;
use sessions_core::adapter::{RequestHeader, SessionHeaders};

use crate::support::{Fake, Fixture, made_up_token, written};

/// Returns the `Cache-Control` of a response with these headers.
fn cache_control(headers: SessionHeaders) -> Option<String> {
    written(headers).into_iter().find(|(name, _)| *name == "cache-control").map(|(_, value)| value)
}

fn end(session: &Session) -> SessionHeaders {
    block_on(session.exchange().end(200)).unwrap()
}

/// A named handler.
type Handler = (&'static str, fn(&Session));

#[test]
fn a_signed_in_response_is_not_stored() {
    let handlers: [Handler; 3] = [
        ("reads", |session| drop(session.lenient("k").text())),
        ("writes", |session| session.set("k", "w").unwrap()),
        ("fails to read", |session| drop(session.get::<u32>("k"))),
    ];
    for (is_on, (name, handler)) in [true, false].into_iter().flat_map(|is_on| handlers.map(|handler| (is_on, handler)))
    {
        let fixture = Fixture::with(|builder| builder.no_store(is_on));
        let mut browser = fixture.browser();
        browser.set("k", "v");
        let anonymous = browser.start();
        handler(&anonymous);
        assert_eq!(cache_control(end(&anonymous)), None, "an anonymous handler {name}");
        browser.visit(|session| session.login("ann").unwrap());
        let session = browser.start();
        handler(&session);
        let expected = is_on.then(|| "no-store".to_owned());
        assert_eq!(cache_control(end(&session)), expected, "a signed-in handler {name}");
    }
}

#[test]
fn a_signed_in_response_is_not_stored_if_its_session_ended_meanwhile() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    fixture.clock.advance(Duration::from_secs(120));
    let reader = browser.start();
    browser.visit(Session::destroy);
    assert_eq!(cache_control(end(&reader)).as_deref(), Some("no-store"));
}

/// The request reads its session before another request ends the session.
#[test]
fn a_response_that_showed_a_flash_is_not_stored_if_its_session_ended_meanwhile() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann").unwrap();
        session.set_flash("notice", "saved").unwrap();
    });
    let session = browser.start();
    assert_eq!(session.flash::<String>("notice").unwrap().as_deref(), Some("saved"));
    browser.clone().visit(Session::destroy);
    assert_eq!(cache_control(end(&session)).as_deref(), Some("no-store"));
}

#[test]
fn a_response_that_ignores_its_session_may_be_stored() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    assert_eq!(cache_control(block_on(fixture.sessions.open().end(200)).unwrap()), None);
}

/// Regression: a handler that answers although its session could not be loaded showed the page of a
/// stranger, and a shared cache could give it to everybody.
#[test]
fn a_response_without_the_session_that_it_asked_for_is_not_stored() {
    let private = [("vary", "Cookie".to_owned()), ("cache-control", "no-store".to_owned())];
    let both = [("vary", "Cookie, Authorization".to_owned()), private[1].clone()];
    let fixture = Fixture::with(|builder| builder.bearer(true));
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let cookie = browser.cookie.unwrap();
    let get = Fake::get("/").with(&[(RequestHeader::Cookie, &cookie)]);
    let foreign = Fake::new("POST", "/").with(&[(RequestHeader::Cookie, &cookie)]);
    let foreign = foreign.with(&[(RequestHeader::SecFetchSite, "cross-site")]);
    let two_tokens = get.clone().with(&[(RequestHeader::Authorization, "Bearer x")]);
    for (request, is_down) in [(&foreign, false), (&two_tokens, false), (&get, true)] {
        for (is_late, is_shared) in [(false, false), (false, true), (true, false), (true, true)] {
            fixture.store.down.store(is_down, Ordering::SeqCst);
            fixture.store.late.store(is_late, Ordering::SeqCst);
            let exchange = fixture.sessions.open();
            assert!(block_on(exchange.session_from(request)).is_err());
            let other = is_shared.then(|| exchange.clone());
            assert_eq!(written(block_on(exchange.end(200)).unwrap()), both);
            if let Some(other) = other {
                assert_eq!(written(block_on(other.end(200)).unwrap()), [], "the headers were sent");
            }
        }
    }

    // The handler has given up while the store was still silent.
    let fixture = Fixture::late();
    let exchange = fixture.sessions.open();
    let cookie = format!("__Host-id={}", made_up_token(1));
    drop(fixture.begin(|| exchange.session([cookie.as_bytes()])));
    assert_eq!(written(block_on(exchange.end(200)).unwrap()), private);

    // A second attempt may succeed.
    let exchange = fixture.sessions.open();
    fixture.store.down.store(true, Ordering::SeqCst);
    assert!(block_on(exchange.session([cookie.as_bytes()])).is_err());
    fixture.store.down.store(false, Ordering::SeqCst);
    assert!(block_on(exchange.session([cookie.as_bytes()])).is_ok());
    assert_eq!(written(block_on(exchange.end(200)).unwrap()), private[..1]);
}

#[test]
fn a_response_with_a_cookie_is_never_stored() {
    let fixture = Fixture::with(|builder| builder.no_store(false));
    let mut browser = fixture.browser();
    let handlers: [fn(&Session); 3] =
        [|session| session.set("k", "v").unwrap(), |session| session.login("ann").unwrap(), Session::destroy];
    for handler in handlers {
        let session = browser.start();
        handler(&session);
        let mut headers = end(&session);
        assert_eq!(cache_control(headers.clone()).as_deref(), Some("no-store"));
        browser.keep(&headers.take_set_cookie().unwrap());
    }
}
