use std::sync::atomic::Ordering;

use pollster::block_on;
use sessions_core::adapter::SessionHeaders;
use sessions_core::store::{StoreError, StoreErrorKind};
use sessions_core::{ErrorKind, Login, Sessions};

use crate::support::Fixture;

#[test]
fn debug_shows_no_token_and_no_data() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.set("k", "sensitive-value").unwrap();
        session.login("sensitive-name").unwrap();
    });
    let token = browser.cookie.clone().unwrap().split_once('=').unwrap().1.to_owned();
    let session = browser.start();
    session.set("l", "sensitive-value").unwrap();
    let exchange = session.exchange();
    let mut shown =
        format!("{:?} {:?} {session:?} {exchange:?} {:?}", fixture.sessions, fixture.store, session.entries());
    let commit = session.exchange().end(200);
    shown += &format!("{commit:?}");
    drop(commit);
    let renewing = browser.start();
    renewing.renew();
    let headers: SessionHeaders = block_on(renewing.exchange().end(200)).unwrap();
    shown += &format!("{headers:?} {:?}", fixture.take_events());
    for secret in [token.as_str(), &token[22..], "sensitive"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn errors_contain_no_data() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set("k", "sensitive-value").unwrap());
    let session = browser.start();
    let errors = [
        session.get::<u32>("k").unwrap_err(),
        session.get::<Vec<u8>>("k").unwrap_err(),
        session.increment("k", 1).unwrap_err(),
        session.set("big", &"sensitive-value".repeat(10_000)).unwrap_err(),
    ];
    for error in errors {
        let mut chain = format!("{error:?} {error}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            chain += &format!(" {cause:?} {cause}");
            source = cause.source();
        }
        assert!(!chain.contains("sensitive"), "{chain}");
    }
}

#[test]
fn debug_shows_what_helps_in_a_log() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set("k", "sensitive-value").unwrap());
    let session = browser.start();
    let id = session.id().unwrap();
    let error = session.get::<u32>("k").unwrap_err();
    let cookie = browser.cookie.clone().unwrap();
    let load = fixture.sessions.open().session([cookie.as_bytes()]);
    let login = Login::new("sensitive-name");
    let issued = block_on(fixture.sessions.issue(login.clone())).unwrap();
    assert!(!format!("{issued:?}").contains(issued.token()));
    for (shown, expected) in [
        (format!("{session:?}"), id.to_string()),
        (format!("{:?}", session.exchange()), id.to_string()),
        (format!("{:?}", fixture.sessions), "limits: Limits".to_owned()),
        (format!("{:?}", Sessions::builder().cookie_name("shop")), "shop".to_owned()),
        (format!("{error:?}"), r#"Error { kind: Decode, key: "k", expected_type: "u32""#.to_owned()),
        (format!("{load:?}"), "MaybeReady(ready)".to_owned()),
        (format!("{:?}", session.exchange().end(200)), "MaybeReady(ready)".to_owned()),
        (format!("{login:?}"), "Login { idle:".to_owned()),
        (format!("{issued:?}"), issued.id().to_string()),
    ] {
        assert!(shown.contains(&expected), "{expected} not in {shown}");
        assert!(!shown.contains("sensitive") && !shown.contains("115, 101"), "{shown}");
    }
}

#[test]
fn failed_commit_names_the_failure_and_keeps_the_cause() {
    let fixture = Fixture::new();
    let session = fixture.browser().start();
    session.set("k", "v").unwrap();
    fixture.store.write_down.store(true, Ordering::SeqCst);
    let error = block_on(session.exchange().end(200)).unwrap_err();
    assert_eq!(error.to_string(), "the session store is unavailable");
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "the probe store is unavailable");
}

#[test]
fn errors_name_the_failure_and_keep_the_cause() {
    let error = sessions_core::Error::from(StoreError::new("probe", StoreErrorKind::Busy).caused_by("a long queue"));
    let chain = "the session store is unavailable: the probe store is busy: its queue is full: a long queue";
    assert_eq!(error.chain().to_string(), chain);
    assert_eq!((error.kind(), error.store_error_kind()), (ErrorKind::StoreUnavailable, Some(StoreErrorKind::Busy)));
    let newer = sessions_core::Error::from(StoreError::new("probe", StoreErrorKind::NewerFormat));
    assert_eq!((newer.kind(), newer.store_error_kind()), (ErrorKind::NewerFormat, Some(StoreErrorKind::NewerFormat)));
}
