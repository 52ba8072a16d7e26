//! Requests with more and longer values in a session.

use std::hint::black_box;

use hot::{ask, sign_in};
use sessions_core::{Error, Session, Sessions};

use crate::measure::nanoseconds;

/// Number of timed requests.
const REQUESTS: usize = 100_000;

/// A visitor whose session has many or long values and a number.
struct Visitor {
    sessions: Sessions,
    cookie: Vec<u8>,
    keys: usize,
    bytes: usize,
}

impl Visitor {
    /// Signs in with `keys` keys: one number, and values of `bytes` bytes of JSON.
    fn sign_in(keys: usize, bytes: usize) -> Self {
        let sessions = Sessions::builder().build().expect("the defaults are sound");
        let cookie = sign_in(&sessions, |session| session.set("n", &1));
        let visitor = Self { sessions, cookie, keys, bytes };
        visitor.visit(|session| {
            let value = "v".repeat(bytes - "\"\"".len());
            (1..keys).try_for_each(|number| session.set(&key(number), &value))
        });
        visitor.visit(|session| {
            assert_eq!(session.len(), keys);
            Ok(())
        });
        visitor
    }

    fn visit(&self, handle: impl FnOnce(&Session) -> Result<(), Error>) {
        drop(ask(&self.sessions, Some(&self.cookie), handle));
    }

    fn walk(&self, what: &str) -> Box<dyn FnMut() + '_> {
        let middle = key(self.keys / 2);
        match what {
            "read" => Box::new(move || self.visit(|session| self.read(session, &middle))),
            "read-number" => Box::new(|| self.visit(read_number)),
            "write-number" => Box::new(|| self.visit(|session| session.increment("n", 1).map(drop))),
            _ => panic!("{what}?"),
        }
    }

    fn read(&self, session: &Session, key: &str) -> Result<(), Error> {
        let value: Option<String> = session.get(key)?;
        assert_eq!(value.map_or(0, |value| value.len()), self.bytes - "\"\"".len());
        Ok(())
    }
}

fn key(number: usize) -> String {
    format!("key-{number:03}")
}

fn read_number(session: &Session) -> Result<(), Error> {
    let n: Option<i64> = session.get("n")?;
    assert!(black_box(n).is_some(), "the session exists");
    Ok(())
}

pub(crate) fn time(keys: usize, bytes: usize) {
    let visitor = Visitor::sign_in(keys, bytes);
    let of = |what: &str| nanoseconds(REQUESTS, visitor.walk(what)).round();
    println!("{} {} {}", of("read"), of("read-number"), of("write-number"));
}

pub(crate) fn walk(what: &str, keys: usize, bytes: usize, times: u64) {
    let visitor = Visitor::sign_in(keys, bytes);
    let mut walk = visitor.walk(what);
    (0..times).for_each(|_| walk());
}
