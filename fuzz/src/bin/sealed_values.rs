//! Reads arbitrary and damaged sealed cookie values.
//!
//! Only values that the seal has issued open a session or reach the store.

#![no_main]

use std::sync::LazyLock;

use fuzz::{COOKIE, Site, values};
use libfuzzer_sys::{arbitrary, fuzz_target};
use pollster::block_on;
use sessions_core::{SealKey, Sessions, SessionsBuilder};
use sessions_store::SessionId;

/// A change that a client makes to its cookie.
#[derive(arbitrary::Arbitrary, Debug)]
struct Input {
    seal: Seal,
    value: Value,
}

#[derive(arbitrary::Arbitrary, Debug)]
enum Seal {
    Signed,
    Encrypted,
}

#[derive(arbitrary::Arbitrary, Debug)]
enum Value {
    /// Arbitrary bytes.
    Raw(Vec<u8>),
    /// A genuine value with a part replaced.
    Spliced { at: u8, removed: u8, inserted: Vec<u8> },
    /// A genuine value with single bits flipped.
    Flipped(Vec<(u8, u8)>),
}

/// A sealing manager with one live session and its cookie's value.
struct Sealed {
    site: Site,
    id: SessionId,
    value: Vec<u8>,
}

static SIGNED: LazyLock<Sealed> = LazyLock::new(|| Sealed::new(Sessions::builder().signed([key()])));
static ENCRYPTED: LazyLock<Sealed> = LazyLock::new(|| Sealed::new(Sessions::builder().encrypted([key()])));

fuzz_target!(|input: Input| {
    let sealed = match input.seal {
        Seal::Signed => &SIGNED,
        Seal::Encrypted => &ENCRYPTED,
    };
    let value = changed(&sealed.value, &input.value);
    let field = [COOKIE.as_bytes(), b"=", &value].concat();
    let session = sealed.site.load([&field[..]]);
    let loads = sealed.site.take_loads();
    // A semicolon splits the value into several cookies, one of which may be genuine.
    if !values(&field).any(|value| value == sealed.value) {
        assert_eq!((session.id(), loads), (None, 0), "a forged cookie reached the store");
    } else if field.len() <= SHORT {
        assert_eq!(session.id(), Some(sealed.id), "a genuine cookie does not open its session");
    }
});

/// Length of a field that cannot contain more values than the manager examines.
const SHORT: usize = 512;

fn changed(genuine: &[u8], how: &Value) -> Vec<u8> {
    let mut value = genuine.to_vec();
    match how {
        Value::Raw(bytes) => return bytes.clone(),
        Value::Spliced { at, removed, inserted } => {
            let start = usize::from(*at).min(value.len());
            let end = (start + usize::from(*removed)).min(value.len());
            value.splice(start..end, inserted.iter().copied());
        }
        Value::Flipped(flips) => {
            for (at, bits) in flips {
                let at = usize::from(*at) % value.len();
                value[at] ^= bits;
            }
        }
    }
    value
}

impl Sealed {
    fn new(options: SessionsBuilder) -> Self {
        let site = Site::new(options, &[]);
        let exchange = site.sessions.open();
        let session = block_on(exchange.session([])).expect("a store in memory does not fail");
        session.set("key", "value").expect("the value is small");
        let mut headers = block_on(exchange.end(200)).expect("a store in memory does not fail");
        let cookie = headers.take_set_cookie().expect("a new session has a cookie");
        let (_, rest) = cookie.split_once('=').expect("a cookie has a name");
        let (value, _) = rest.split_once(';').expect("a cookie has attributes");
        let id = session.id().expect("the session was stored");
        site.take_loads();
        Self { value: value.as_bytes().to_vec(), id, site }
    }
}

fn key() -> SealKey {
    SealKey::new(b"q8Zt0vXr5Wm2KfN7cHj4LbP9sYd3GaE6RuT1ioQx").expect("the key is long and has no pattern")
}
