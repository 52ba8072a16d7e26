//! Which responses a cache, or the browser's back button, may keep.

use std::borrow::Cow;

use pollster::block_on;
use sessions_core::{Header, ResponseHeaders, Session, SessionHeaders};

use crate::support::Fixture;

/// The header fields of a response.
#[derive(Default)]
struct Head(Vec<(&'static str, String)>);

impl ResponseHeaders for Head {
    fn add(&mut self, field: Header, value: Cow<'static, str>) -> bool {
        let has_others = self.0.iter().any(|(name, _)| *name == field.name());
        self.0.push((field.name(), value.into_owned()));
        has_others
    }

    fn retain(&mut self, field: Header, keeps: &mut dyn FnMut(&[u8]) -> bool) {
        self.0.retain(|(name, value)| *name != field.name() || keeps(value.as_bytes()));
    }

    fn remove_if(&mut self, gives_way: &mut dyn FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| !gives_way(name));
    }
}

/// Returns the `Cache-Control` of a response with these headers.
fn cache_control(attach: SessionHeaders) -> Option<String> {
    let mut head = Head::default();
    attach.write_to(&mut head);
    head.0.into_iter().find(|(name, _)| *name == "cache-control").map(|(_, value)| value)
}

fn end(session: &Session) -> SessionHeaders {
    block_on(session.exchange().end(200)).unwrap()
}

/// What a handler does, by name.
type Deed = (&'static str, fn(&Session));

#[test]
fn a_response_of_a_signed_in_session_is_not_stored() {
    let deeds: [Deed; 3] = [
        ("reads", |session| drop(session.get_string("k"))),
        ("writes", |session| session.set("k", "w").unwrap()),
        ("fails to read", |session| drop(session.get::<u32>("k"))),
    ];
    for (is_on, deed) in [true, false].into_iter().flat_map(|is_on| deeds.map(|deed| (is_on, deed))) {
        let fixture = Fixture::with(|builder| builder.no_store(is_on));
        let mut browser = fixture.browser();
        browser.set("k", "v");
        let anonymous = browser.start();
        deed.1(&anonymous);
        assert_eq!(cache_control(end(&anonymous)), None, "a stranger {}", deed.0);
        browser.visit(|session| session.login("ann").unwrap());
        let session = browser.start();
        deed.1(&session);
        let expected = is_on.then(|| "no-store".to_owned());
        assert_eq!(cache_control(end(&session)), expected, "a member {}", deed.0);
    }
}

#[test]
fn a_response_that_does_not_ask_for_its_session_may_be_stored() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    assert_eq!(cache_control(block_on(fixture.sessions.open().end(200)).unwrap()), None);
}

#[test]
fn a_response_with_a_cookie_is_not_stored_whatever_the_option_says() {
    let fixture = Fixture::with(|builder| builder.no_store(false));
    let mut browser = fixture.browser();
    let deeds: [fn(&Session); 3] =
        [|session| session.set("k", "v").unwrap(), |session| session.login("ann").unwrap(), Session::destroy];
    for deed in deeds {
        let session = browser.start();
        deed(&session);
        let mut attach = end(&session);
        assert_eq!(cache_control(attach.clone()).as_deref(), Some("no-store"));
        browser.keep(&attach.take_set_cookie().unwrap());
    }
}
