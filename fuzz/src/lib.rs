//! What the fuzz targets share: a fixed session, the manager that knows it, and one request to it.

pub mod model;
pub mod values;

use std::sync::LazyLock;

use pollster::block_on;
use sessions_conformance::{CountingStore, Verb};
use sessions_core::{
    ManualClock, MemoryStore, Record, Session, SessionId, Sessions, SessionsBuilder, Store, Timestamp, Token,
};

/// The name of the session cookie by default.
pub const COOKIE: &str = "__Host-id";

/// The moment at which every request happens: a `ManualClock` begins there.
pub const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);

/// A manager over a store in memory that counts its calls and holds sessions with known tokens.
#[derive(Debug)]
pub struct Site {
    pub sessions: Sessions,
    store: CountingStore<MemoryStore>,
}

impl Site {
    /// Builds a manager on top of `options`, whose store holds a session for each of the `tokens`.
    pub fn new(options: SessionsBuilder, tokens: &[&str]) -> Self {
        let store = CountingStore::new(MemoryStore::default());
        for token in tokens {
            let record = record_of(&parsed(token));
            block_on(store.create(&record)).expect("a store in memory does not fail");
        }
        let options = options.store(store.clone()).clock(ManualClock::default()).sweep_every(None);
        Self { sessions: options.build().expect("the options of a target are sound"), store }
    }

    /// Loads the session of a request with these `Cookie` fields.
    pub fn load<'a>(&self, fields: impl IntoIterator<Item = &'a [u8]>) -> Session {
        block_on(self.sessions.open().session(fields)).expect("a store in memory does not fail")
    }

    /// Returns how many records were looked up since the last call.
    pub fn take_loads(&self) -> u64 {
        let loads = self.store.calls_of(Verb::Load);
        self.store.reset();
        loads
    }
}

/// Reads a token that a target is written with.
pub fn parsed(token: &str) -> Token {
    Token::parse(token.as_bytes()).expect("the tokens of a target are well-formed")
}

/// Returns the id of a token that a target is written with.
pub fn id_of(token: &str) -> SessionId {
    parsed(token).id()
}

fn record_of(token: &Token) -> Record {
    let draft = Record::builder(token.id(), token.secret().hash(token.id()), NOW);
    draft.build().expect("an empty record fits its format")
}

/// Returns the values of the session cookie in a field, by RFC 6265bis: pairs are separated by
/// semicolons and trimmed, the name is compared byte by byte.
pub fn values(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    field.split(|byte| *byte == b';').filter_map(|pair| {
        let first = pair.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        let last = pair.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'))?;
        pair[first..=last].strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"=")
    })
}

/// Makes a site once, at a target's first input.
pub type Lazy = LazyLock<Site>;
