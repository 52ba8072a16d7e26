//! Requests that another site made the browser send.

use std::sync::atomic::Ordering;

use pollster::block_on;
use sessions_core::adapter::RequestHeader;
use sessions_core::{ConfigErrorKind, CrossOrigin, ErrorKind, RejectReason, Sessions};

use crate::support::{Fake, Fixture};

const FOREIGN: [(RequestHeader, &str); 2] =
    [(RequestHeader::SecFetchSite, "cross-site"), (RequestHeader::Origin, "https://evil.example")];

/// Stores a session and returns its cookie.
fn cookie(fixture: &Fixture) -> String {
    let exchange = fixture.sessions.open();
    let session = block_on(exchange.session([])).unwrap();
    session.set("cart", &1).unwrap();
    let set_cookie = block_on(exchange.end(200)).unwrap().take_set_cookie().unwrap();
    set_cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn foreign_post_reaches_neither_session_nor_store() {
    let fixture = Fixture::new();
    let cookie = cookie(&fixture);
    let post = Fake::new("POST", "/buy").with(&[(RequestHeader::Cookie, &cookie)]);
    let session = block_on(fixture.sessions.open().session_from(&post)).unwrap();
    assert_eq!(session.get::<i32>("cart").unwrap(), Some(1));
    drop(session);

    fixture.take_events();
    let loads = fixture.store.loads.load(Ordering::SeqCst);
    let exchange = fixture.sessions.open();
    let error = block_on(exchange.session_from(&post.with(&FOREIGN))).unwrap_err();
    assert_eq!((error.kind(), error.status(), error.is_servers_fault()), (ErrorKind::CrossOrigin, 403, false));
    assert_eq!(fixture.take_rejections(), [(None, RejectReason::CrossOrigin)]);
    assert_eq!(fixture.store.loads.load(Ordering::SeqCst), loads, "the store is not called");
    assert!(block_on(exchange.end(403)).unwrap().take_set_cookie().is_none());

    let get = Fake::get("/").with(&[(RequestHeader::Cookie, &cookie)]).with(&FOREIGN);
    assert!(block_on(fixture.sessions.open().session_from(&get)).is_ok(), "a link from another site");
}

#[test]
fn foreign_post_without_our_cookie_is_a_new_visitor() {
    let post = Fake::new("POST", "/callback").with(&FOREIGN).with(&[(RequestHeader::Cookie, "theme=dark")]);
    let visits = |sessions: &Sessions| block_on(sessions.open().session_from(&post)).map(|session| session.is_new());
    assert!(visits(&Sessions::builder().build().unwrap()).unwrap());
    let strict = Sessions::builder().cross_origin(CrossOrigin::RefuseCrossOrigin);
    assert_eq!(visits(&strict.build().unwrap()).unwrap_err().kind(), ErrorKind::CrossOrigin);
    let strict = Sessions::builder().cross_origin(CrossOrigin::RefuseCrossOrigin);
    assert!(visits(&strict.trusted_origins(["https://evil.example"]).build().unwrap()).unwrap());
}

#[test]
fn foreign_post_passes_if_the_check_is_off() {
    let fixture = Fixture::with(|builder| builder.cross_origin(CrossOrigin::Off));
    let cookie = cookie(&fixture);
    let post = Fake::new("POST", "/buy").with(&[(RequestHeader::Cookie, &cookie)]).with(&FOREIGN);
    assert!(!block_on(fixture.sessions.open().session_from(&post)).unwrap().is_new());
}

#[test]
fn authority_of_the_target_wins_over_the_host_header() {
    let fixture = Fixture::new();
    let cookie = cookie(&fixture);
    for (authority, host, is_refused) in [
        ("shop.example", "backend.internal", false),
        ("ann@shop.example", "", false),
        ("backend.internal", "shop.example", true),
    ] {
        let headers = [
            (RequestHeader::Cookie, &*cookie),
            (RequestHeader::Origin, "https://shop.example"),
            (RequestHeader::Host, host),
        ];
        let post = Fake::new("POST", "/buy").at(authority).with(&headers);
        let refused = block_on(fixture.sessions.open().session_from(&post)).is_err();
        assert_eq!(refused, is_refused, "{authority} {host}");
    }
}

#[test]
fn invalid_origin_is_named() {
    let error = Sessions::builder().trusted_origins(["https://a.example", "https://b.example/"]).build().unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::TrustedOrigin);
    assert!(error.to_string().contains("\"https://b.example/\""), "{error}");
}
