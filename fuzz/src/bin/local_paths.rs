//! Asks for a page for signed-in visitors, and comes back to it after signing in.
//!
//! Whatever is asked for, the redirect stays on this host, and so does the `next` that a login page
//! accepts. A path that was passed on comes back unchanged.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sessions_core::adapter::{Gate, RequestHeader, RequestHeaders};
use sessions_core::{Sessions, local_path};
use url::Url;

struct Page<'a> {
    target: &'a str,
    headers: &'a [(RequestHeader, &'a [u8])],
}

impl RequestHeaders for Page<'_> {
    fn method(&self) -> &str {
        "GET"
    }

    fn target(&self) -> &str {
        self.target
    }

    fn authority(&self) -> Option<&str> {
        None
    }

    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().filter(move |(name, _)| *name == header).map(|(_, value)| *value)
    }
}

/// Returns the address that a browser goes to from a page of this host.
fn followed(location: &str) -> Url {
    let page = Url::parse("https://shop.example/login").expect("a constant");
    let url = page.join(location).unwrap_or_else(|error| panic!("{location:?}: {error}"));
    assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("shop.example"), None), "{location:?}");
    assert_eq!((url.username(), url.password()), ("", None), "{location:?}");
    url
}

fuzz_target!(|target: &str| {
    if let Some(path) = local_path(target) {
        assert_eq!(path, target);
        followed(path);
    }
    let current = format!("https://shop.example{target}");
    let navigation: &[(RequestHeader, &[u8])] = &[(RequestHeader::SecFetchMode, b"navigate")];
    let htmx: &[(RequestHeader, &[u8])] =
        &[(RequestHeader::HxRequest, b"true"), (RequestHeader::HxCurrentUrl, current.as_bytes())];
    for headers in [navigation, htmx] {
        let sessions = Sessions::builder().login_page("/login?a=b").sweep_every(None).build().expect("valid options");
        let session = pollster::block_on(sessions.open().session([])).expect("the memory store answers");
        let denied = Gate::of(&Page { target, headers }).admit(session).expect_err("nobody is signed in");
        let Some(location) = denied.location() else { continue };
        assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location:?}");
        let url = followed(location);
        let parameters: Vec<_> = url.query_pairs().collect();
        assert_eq!((url.path(), &*parameters[0].0, &*parameters[0].1), ("/login", "a", "b"));
        match &parameters[1..] {
            [] => {}
            [(name, next)] => {
                assert_eq!((&**name, local_path(next)), ("next", Some(&**next)));
                assert!(target.ends_with(&**next), "{target:?} became {next:?}");
                followed(next);
            }
            more => panic!("{more:?}"),
        }
    }
});
