//! Code shared by the fuzz targets: a manager with known sessions, and requests to it.

pub mod model;
pub mod schedules;
pub mod values;

use std::sync::LazyLock;

use pollster::block_on;
use sessions_conformance::{CountingStore, Verb};
use sessions_core::adapter::Token;
use sessions_core::testing::ManualClock;
use sessions_core::{Session, Sessions, SessionsBuilder};
use sessions_store::{MemoryStore, Record, SessionId, Store, Timestamp};

/// The default name of the session cookie.
pub const COOKIE: &str = "__Host-id";

/// Time of all requests, at which a `ManualClock` starts.
pub const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);

/// A manager over a memory store with known sessions, which counts its calls.
#[derive(Debug)]
pub struct Site {
    pub sessions: Sessions,
    store: CountingStore<MemoryStore>,
}

impl Site {
    /// Builds a manager with `options` and one session for each of the `tokens`.
    pub fn new(options: SessionsBuilder, tokens: &[&str]) -> Self {
        let store = CountingStore::new(MemoryStore::default());
        for token in tokens {
            let record = record_of(&parsed(token));
            block_on(store.create(&record)).expect("a store in memory does not fail");
        }
        let options = options.store(store.clone()).clock(ManualClock::default()).sweep_every(None);
        Self { sessions: options.build().expect("the options of a target are sound"), store }
    }

    /// Loads the session of a request with these `Cookie` headers.
    pub fn load<'a>(&self, fields: impl IntoIterator<Item = &'a [u8]>) -> Session {
        block_on(self.sessions.open().session(fields)).expect("a store in memory does not fail")
    }

    /// Returns the number of lookups since the last call.
    pub fn take_loads(&self) -> u64 {
        let loads = self.store.calls_of(Verb::Load);
        self.store.reset();
        loads
    }
}

/// Parses a token that is written in a target.
pub fn parsed(token: &str) -> Token {
    Token::parse(token.as_bytes()).expect("the tokens of a target are well-formed")
}

/// Returns the id of a token that is written in a target.
pub fn id_of(token: &str) -> SessionId {
    parsed(token).id()
}

fn record_of(token: &Token) -> Record {
    let draft = Record::builder(token.id(), token.secret().hash(token.id()), NOW);
    draft.build().expect("an empty record fits its format")
}

/// Returns the values of the session cookie in a field, following RFC 6265bis.
///
/// Pairs are separated by semicolons and trimmed, and the name is compared byte by byte.
pub fn values(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|byte| *byte == b';').filter_map(|pair| {
        let first = pair.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        let last = pair.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'))?;
        pair[first..=last].strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"=")
    })
}

/// A site that the first input of a target creates.
pub type Lazy = LazyLock<Site>;
