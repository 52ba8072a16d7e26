//! Logins, logouts, rotations and limits in every order of the calls that two servers make.
//!
//! A request makes several calls: it reads its session, swaps it, and swaps it again if another
//! request was faster. The orders of whole requests are in the tests of sessions-core.

mod limit;
mod logout;
mod rotation;
mod superseded;

use std::time::Duration;

use sessions_core::{ErrorKind, Session};

use crate::servers::{Deed, Request, Response, Sent, Servers};

const MINUTE: Duration = Duration::from_secs(60);

/// Returns the time of the login.
const LOGIN_AS_ANN: Deed = |session| {
    session.login("ann").unwrap();
    Some(session.now().as_millis().to_string())
};
const LOGIN_AS_BOB: Deed = |session| {
    session.login("bob").unwrap();
    None
};
const LOGOUT: Deed = |session| {
    session.destroy();
    None
};
const RENEW: Deed = |session| {
    session.renew();
    None
};
const WRITE: Deed = |session| {
    session.set("k", "v").unwrap();
    None
};
/// Counts a visit and returns whose it is.
const COUNT: Deed = |session| {
    session.increment("n", 1).unwrap();
    session.principal()
};
const USER: Deed = Session::principal;
const ID: Deed = |session| session.id().map(|id| id.to_string());
const FLASH: Deed = |session| session.flash("notice").unwrap();
const ENTRIES: Deed = |session| {
    let entries = session.entries();
    let text = |key: &String| format!("{key}={}", session.lenient(key).text().unwrap());
    Some(entries.keys().map(text).collect::<Vec<_>>().join(" "))
};

/// A request with the token of a test's visitor: its name, its server and what it does.
type Step = (&'static str, usize, Deed);

fn with_token(steps: &[Step], token: &str) -> Vec<Request> {
    let request = |(name, server, deed): &Step| {
        let sent = Sent::Token(token.to_owned());
        Request { name, server: *server, sent, deed: *deed }
    };
    steps.iter().map(request).collect()
}

/// Returns the cookie of a visitor who has a cart and a flash.
fn visitor(servers: &Servers) -> String {
    let answer = servers.visit(0, None, |session| {
        session.set("cart", "7").unwrap();
        session.set_flash("notice", "saved").unwrap();
        None
    });
    answer.cookie().unwrap()
}

/// Returns the cookie of a user who has a cart.
fn signed_in(servers: &Servers) -> String {
    let answer = servers.visit(0, None, |session| {
        session.set("cart", "7").unwrap();
        session.login("ann").unwrap();
        None
    });
    answer.cookie().unwrap()
}

/// Returns two servers and the token of a user that is due for a rotation.
fn due() -> (Servers, String) {
    let servers = Servers::with(|builder| builder.rotate_every(15 * MINUTE).idle(60 * MINUTE));
    let token = signed_in(&servers);
    servers.advance(15 * MINUTE);
    (servers, token)
}

/// Returns what a browser with this cookie would see.
fn see(servers: &Servers, cookie: &str, deed: Deed) -> Option<String> {
    let answer = servers.look(|| servers.visit(1, Some(cookie), deed));
    assert_eq!(answer.error, None);
    answer.seen
}

fn user(servers: &Servers, cookie: &str) -> Option<String> {
    see(servers, cookie, USER)
}

fn has(servers: &Servers, cookie: &str, entry: &str) -> bool {
    see(servers, cookie, ENTRIES).unwrap().split(' ').any(|other| other == entry)
}

/// Checks that a write with this cookie neither changes a session nor begins one.
fn expect_superseded(servers: &Servers, cookie: &str) {
    assert_eq!(user(servers, cookie), None, "a superseded token opens nothing");
    let Response { error, set_cookie, .. } = servers.look(|| servers.visit(1, Some(cookie), WRITE));
    assert_eq!((error, set_cookie), (Some(ErrorKind::Gone), None));
}

/// Checks that as many orders were explored as a test must have.
fn expect_many(what: &str, orders: usize, at_least: usize) {
    eprintln!("{orders} orders of {what}");
    assert!(orders >= at_least, "{orders} orders of {what}, and not {at_least}");
}

/// Returns the names and servers of a test's requests.
fn describe(requests: &[Request]) -> String {
    let texts: Vec<_> = requests.iter().map(|Request { name, server, .. }| format!("{name} on {server}")).collect();
    texts.join(", ")
}
