use sessions_core::{SessionHeaders, Sessions};

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
    let headers: SessionHeaders = pollster::block_on(renewing.exchange().end(200)).unwrap();
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
fn debug_of_a_builder_shows_no_key() {
    let key = sessions_core::SealKey::new(b"a very sensitive key of 32 bytes!").unwrap();
    let builder = Sessions::builder().signed([key.clone()]);
    let mut shown = format!("{builder:?} {key:?}");
    shown += &format!("{:?}", builder.build().unwrap());
    assert!(!shown.contains("sensitive") && !shown.contains("115, 101, 110"), "{shown}");
}
