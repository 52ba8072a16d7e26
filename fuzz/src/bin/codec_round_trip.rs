//! Stores arbitrary values of serde's data model.
//!
//! What `set` accepts comes back equal, in the same request and in a later one.

#![no_main]

use std::sync::LazyLock;

use fuzz::values::Any;
use fuzz::{COOKIE, Lazy, Site};
use libfuzzer_sys::fuzz_target;
use pollster::block_on;
use sessions_core::{ErrorKind, Sessions};

static SITE: Lazy = LazyLock::new(|| Site::new(Sessions::builder(), &[TOKEN]));

const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fuzz_target!(|value: Any| {
    let cookie = format!("{COOKIE}={TOKEN}").into_bytes();
    let exchange = SITE.sessions.open();
    let session = block_on(exchange.session([&cookie[..]])).expect("a store in memory does not fail");
    if let Err(error) = session.set("key", &value) {
        let kind = error.kind();
        assert!(matches!(kind, ErrorKind::Encode | ErrorKind::TooLarge), "{kind:?} of {value:?}");
        return;
    }
    assert_eq!(session.get::<Any>("key").ok().flatten().as_ref(), Some(&value), "in the same request");
    let _ = block_on(exchange.end(200)).expect("a store in memory does not fail");
    let later = SITE.load([&cookie[..]]);
    assert_eq!(later.get::<Any>("key").ok().flatten().as_ref(), Some(&value), "in a later request");
});
