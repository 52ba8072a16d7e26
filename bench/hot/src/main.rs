//! The hot paths of sessions-core alone: `hot PATH TIMES` walks one of them so many times, for valgrind to count.

use std::env;
use std::hint::black_box;

use pollster::block_on;
use sessions_core::{Attach, Error, Session, Sessions, Token};

/// Names every path, with what it does.
const PATHS: [(&str, fn(&Visitor)); 5] = [
    ("untouched", |visitor| drop(visitor.visit(visitor.cookie(), None))),
    ("read", |visitor| drop(visitor.visit(visitor.cookie(), Some(read)))),
    ("write", |visitor| drop(visitor.visit(visitor.cookie(), Some(write)))),
    ("login", |visitor| drop(visitor.visit(None, Some(login)))),
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

/// Is somebody with a session, and the manager that keeps it.
struct Visitor {
    sessions: Sessions,
    cookie: Vec<u8>,
    token: Token,
}

impl Visitor {
    fn sign_in() -> Self {
        let sessions = Sessions::builder().build().expect("the defaults are sound");
        let set_cookie = visit(&sessions, None, Some(login)).take_set_cookie().expect("a new session has one");
        let cookie = set_cookie.split(';').next().unwrap_or_default().to_owned();
        let token = cookie.split('=').nth(1).and_then(|text| Token::parse(text.as_bytes()));
        Self { sessions, token: token.expect("the cookie holds a token"), cookie: cookie.into_bytes() }
    }

    fn cookie(&self) -> Option<&[u8]> {
        Some(&self.cookie)
    }

    fn visit(&self, cookie: Option<&[u8]>, handle: Option<Handler>) -> Attach {
        visit(&self.sessions, cookie, handle)
    }
}

type Handler = fn(&Session) -> Result<(), Error>;

/// Does for one request what an adapter does.
fn visit(sessions: &Sessions, cookie: Option<&[u8]>, handle: Option<Handler>) -> Attach {
    let exchange = sessions.open();
    if let Some(handle) = handle {
        let session = block_on(exchange.session(cookie)).expect("the store answers");
        handle(&session).expect("the handler's calls work");
    }
    block_on(exchange.commit(200)).expect("the store answers")
}

fn login(session: &Session) -> Result<(), Error> {
    session.set("user", "ann")?;
    session.set("n", &1)?;
    session.set("theme", "dark")
}

fn read(session: &Session) -> Result<(), Error> {
    let user: Option<String> = session.get("user")?;
    assert!(user.is_some(), "the session is there");
    let n: Option<i64> = session.get("n")?;
    black_box((user, n));
    Ok(())
}

fn write(session: &Session) -> Result<(), Error> {
    assert!(session.increment("n", 1)? > 1, "the session is there");
    Ok(())
}

fn hash(visitor: &Visitor) {
    black_box(visitor.token.secret().hash(visitor.token.id()));
}
