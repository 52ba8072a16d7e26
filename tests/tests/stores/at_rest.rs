//! No store keeps a token or its secret, so its files give no access to the sessions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pollster::block_on;
use sessions_core::adapter::Token;
use sessions_core::store::{MemoryStore, Store};
use sessions_core::testing::ManualClock;
use sessions_core::{Clock, Session, Sessions};
use sessions_tests::{Framework, Options, Seal, secret_bytes, secret_texts};
use tempfile::TempDir;
use test_servers::{Cluster, MariaDb, Postgres};

use crate::support::{Engine, Place, on_engines};

on_engines! {
    [redb Redb, fjall Fjall, sqlite Sqlite]
    [no_token_is_in_the_files]
}

fn no_token_is_in_the_files(engine: Engine) {
    let folder = TempDir::with_prefix("sessions-").expect("there is a directory for temporary files");
    let place = Place::within(engine, folder.path());
    let mut tokens = Tokens::default();
    for seal in SEALS {
        // While the store is open, its latest commits may be in a log, which is removed later.
        tokens.issue(place.url(), seal, |tokens| tokens.expect_none_in(&files(folder.path())));
    }
    tokens.expect_none_in(&files(folder.path()));
}

#[test]
fn no_token_is_in_the_files_of_postgres() {
    if Postgres::is_installed() {
        let mut server = Postgres::start();
        let tokens = issued_by(&server.url());
        server.stop();
        tokens.expect_none_in(&files(server.folder()));
    }
}

#[test]
fn no_token_is_in_the_files_of_mariadb() {
    if MariaDb::is_installed() {
        let mut server = MariaDb::start();
        let tokens = issued_by(&server.url());
        server.stop();
        tokens.expect_none_in(&files(server.folder()));
    }
}

#[test]
fn no_token_is_in_redis() {
    if test_servers::installed() {
        let server = test_servers::Server::start();
        assert_eq!(server.cli(&UNCOMPRESSED), "OK");
        issued_by(&server.url()).expect_none_in(&parse_dump(&server.cli(&["EVAL", DUMP, "0"])));
    }
}

#[test]
fn no_token_is_in_a_redis_cluster() {
    if test_servers::installed() {
        let cluster = Cluster::start();
        let tokens = issued_by(&cluster.url());
        assert!(cluster.on_primaries(&UNCOMPRESSED).iter().all(|answer| answer == "OK"));
        let dumps = cluster.on_primaries(&["EVAL", DUMP, "0"]);
        tokens.expect_none_in(&dumps.iter().flat_map(|dump| parse_dump(dump)).collect::<Vec<_>>());
    }
}

#[test]
fn no_token_is_in_records_in_memory() {
    let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(ManualClock::default()));
    let sessions = Sessions::builder().store(Arc::clone(&store) as Arc<dyn Store>).clock(Arc::clone(&clock));
    let sessions = sessions.rotate_every(Duration::from_secs(1)).build().expect("the options are valid");
    let mut tokens = Tokens::default();
    let handlers: [&dyn Fn(&Session); 4] = [
        &|session| session.set("cart", "3 books").expect("it fits"),
        &|session| session.login("ann").expect("it fits"),
        &|session| session.renew(),
        // Lets a rotation become due.
        &|_| {},
    ];
    let mut cookie: Option<String> = None;
    for handler in handlers {
        clock.advance(Duration::from_secs(2));
        let session = block_on(sessions.open().session(cookie.iter().map(String::as_bytes))).expect("memory answers");
        handler(&session);
        let mut headers = block_on(session.exchange().end(200)).expect("memory answers");
        let set_cookie = headers.take_set_cookie().expect("the response has a cookie");
        let pair = set_cookie.split(';').next().expect("it has a pair").to_owned();
        tokens.add(pair.split_once('=').expect("it is a pair").1);
        cookie = Some(pair);
    }
    tokens.add_live(&tokens.given[3].clone());
    let records = block_on(store.scan(None, 100, clock.now())).expect("memory answers").records;
    let mut kept: Vec<_> = records.iter().map(|record| record.as_bytes().to_vec()).collect();
    kept.push(format!("{store:?}{records:?}").into_bytes());
    tokens.expect_none_in(&kept);
}

/// Forms of the cookie's value. Sealed forms contain the same token.
const SEALS: [Seal; 3] = [Seal::Plain, Seal::Signed, Seal::Encrypted];

/// Cookie values that visitors were given.
#[derive(Debug, Default)]
struct Tokens {
    given: Vec<String>,
    /// Hashes of the tokens that are still valid, which every store has.
    hashes: Vec<[u8; 32]>,
}

/// Issues tokens from a demo with a store.
fn issued_by(url: &str) -> Tokens {
    let mut tokens = Tokens::default();
    SEALS.into_iter().for_each(|seal| tokens.issue(url, seal, |_| {}));
    tokens
}

impl Tokens {
    /// Sends requests of visitors who sign in and out, to a demo that renews and rotates their
    /// tokens.
    fn issue(&mut self, url: &str, seal: Seal, meanwhile: impl FnOnce(&Self)) {
        let server = Options::new(Framework::Axum).seal(seal).store(url).argument("--rotate").argument("1ms").start();
        for user in ["ann", "bob", "eve"] {
            let mut visitor = server.visitor();
            for target in ["/set", "/login?user=guest", "/whoami", "/confirm", "/put?k=cart&v=3", "/incr?k=n"] {
                visitor.get(target).expect_ok();
            }
            let mut left = server.signed_in(user);
            left.get("/logout").expect_ok();
            visitor.login(user);
            let given = [left.issued(), visitor.issued()].concat();
            assert!(given.len() > 4, "tokens are renewed and rotated: {}", given.len());
            given.iter().for_each(|token| self.add(token));
            if seal == Seal::Plain {
                self.add_live(&visitor.token());
            }
        }
        meanwhile(self);
    }

    fn add(&mut self, token: &str) {
        self.given.push(token.to_owned());
    }

    fn add_live(&mut self, token: &str) {
        let token = Token::parse(token.as_bytes()).expect("a plain cookie is a token");
        self.hashes.push(*token.secret().hash(token.id()).as_bytes());
    }

    /// Expects no part of a token in the contents of a store, except the hashes of live tokens.
    #[track_caller]
    fn expect_none_in(&self, kept: &[Vec<u8>]) {
        let texts = self.given.iter().flat_map(|token| secret_texts(token)).map(String::into_bytes);
        let bytes = self.given.iter().flat_map(|token| secret_bytes(token));
        let secrets = Needles::new(texts.chain(bytes).collect());
        let hashes = Needles::new(self.hashes.iter().map(|hash| hash.to_vec()).collect());
        for content in kept {
            let found = secrets.found_in(content);
            assert!(found.is_empty(), "a part of a token is stored: {}", found[0].escape_ascii());
        }
        let found: BTreeSet<_> = kept.iter().flat_map(|content| hashes.found_in(content)).collect();
        assert!(!self.hashes.is_empty() && found.len() == self.hashes.len(), "not all contents of the store were read");
    }
}

/// Byte strings that are searched for together, by their first two bytes.
struct Needles {
    by_start: Vec<Vec<Vec<u8>>>,
}

impl Needles {
    fn new(needles: Vec<Vec<u8>>) -> Self {
        let mut by_start = vec![Vec::new(); 1 << 16];
        for needle in needles {
            by_start[usize::from(u16::from_be_bytes([needle[0], needle[1]]))].push(needle);
        }
        Self { by_start }
    }

    fn found_in(&self, content: &[u8]) -> Vec<&[u8]> {
        let mut found = Vec::new();
        for (at, start) in content.windows(2).enumerate() {
            let needles = &self.by_start[usize::from(u16::from_be_bytes([start[0], start[1]]))];
            found.extend(needles.iter().filter(|needle| content[at..].starts_with(needle)).map(Vec::as_slice));
        }
        found
    }
}

/// Reads all files of a directory.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).expect("the directory can be read").map(|entry| entry.expect("it can be read"));
    let read = |entry: fs::DirEntry| match entry.file_type().expect("it has a type") {
        kind if kind.is_dir() => files(&entry.path()),
        kind if kind.is_file() => {
            let mut content = fs::read(entry.path()).expect("the file can be read");
            // Logs are preallocated, and end with zeros.
            content.truncate(content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
            vec![content]
        }
        // A socket.
        _ => Vec::new(),
    };
    entries.flat_map(read).collect()
}

/// Makes `DUMP` return values uncompressed.
const UNCOMPRESSED: [&str; 4] = ["CONFIG", "SET", "rdbcompression", "no"];

/// Returns every key of a server with the `DUMP` of its value, in hexadecimal.
const DUMP: &str = "local dumped = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
    dumped[#dumped + 1] = (key .. redis.call('DUMP', key)):gsub('.', function(byte)
        return string.format('%02x', byte:byte())
    end)
end
return dumped";

/// Reads the output of [`DUMP`].
fn parse_dump(output: &str) -> Vec<Vec<u8>> {
    let byte = |digits: &[u8]| {
        let digits = str::from_utf8(digits).expect("a dump is hexadecimal");
        u8::from_str_radix(digits, 16).expect("a dump is hexadecimal")
    };
    output.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
}
