//! The hot paths of sessions-core alone.
//!
//! `hot PATH TIMES` runs one path repeatedly, so that valgrind can count it.

use std::env;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hot::{login, logout, read, sign_in, visit, write};
use sessions_core::adapter::Token;
use sessions_core::{Clock, Sessions, SystemClock, Timestamp};

type Walk = fn(&Visitor);

/// All paths by name.
const PATHS: [(&str, Walk); 8] = [
    ("no-cookie", |visitor| drop(visit(&visitor.sessions, None, None))),
    ("untouched", |visitor| drop(visit(&visitor.sessions, visitor.cookie(), None))),
    ("read", |visitor| drop(visit(&visitor.sessions, visitor.cookie(), Some(read)))),
    ("touch", touch),
    ("write", |visitor| drop(visit(&visitor.sessions, visitor.cookie(), Some(write)))),
    ("login", |visitor| drop(visit(&visitor.sessions, None, Some(login)))),
    ("login-logout", login_logout),
    ("secret-hash", hash),
];

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let [path, times] = words.as_slice() else { return list() };
    let (_, walk) = PATHS.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("there is no path {path}"));
    let visitor = Visitor::sign_in();
    for _ in 0..times.parse::<u64>().expect("TIMES is a number") {
        walk(black_box(&visitor));
    }
}

fn list() {
    PATHS.iter().for_each(|(name, _)| println!("{name}"));
}

/// A visitor with a session, and the manager of the session.
struct Visitor {
    sessions: Sessions,
    clock: Arc<Watch>,
    cookie: Vec<u8>,
    token: Token,
}

impl Visitor {
    fn sign_in() -> Self {
        let clock = Arc::new(Watch::default());
        // Without an absolute timeout, since the path `touch` advances the clock by hours.
        let sessions = Sessions::builder().absolute(None).clock(Arc::clone(&clock)).build();
        let sessions = sessions.expect("the options are sound");
        let cookie = sign_in(&sessions, login);
        let token = cookie.split(|byte| *byte == b'=').nth(1).and_then(Token::parse);
        Self { sessions, clock, token: token.expect("the cookie holds a token"), cookie }
    }

    fn cookie(&self) -> Option<&[u8]> {
        Some(&self.cookie)
    }
}

/// Reads a minute after the last request: the session is touched.
fn touch(visitor: &Visitor) {
    visitor.clock.0.fetch_add(60_000, Ordering::Relaxed);
    drop(visit(&visitor.sessions, visitor.cookie(), Some(read)));
}

/// Signs in and out: a logout needs a session to end.
fn login_logout(visitor: &Visitor) {
    let cookie = sign_in(&visitor.sessions, login);
    drop(visit(&visitor.sessions, Some(&cookie), Some(logout)));
}

fn hash(visitor: &Visitor) {
    black_box(visitor.token.secret().hash(visitor.token.id()));
}

/// A clock that is ahead of the system's.
#[derive(Debug, Default)]
struct Watch(AtomicU64);

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        SystemClock.now().after(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
}
