//! Logouts beside requests with the same token.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;

const LOGOUT_FIRST: Step = ("logout", 0, LOGOUT);
/// Begins a new session for its flash.
const FAREWELL: Deed = |session| {
    session.destroy();
    session.set_flash("notice", "bye").unwrap();
    None
};

/// Whether the logout was done, and whether all other requests were.
type Outcome = (bool, bool);

const BOTH: Outcome = (true, true);
const LOGOUT_ONLY: Outcome = (true, false);
const OTHERS_ONLY: Outcome = (false, true);
const NEITHER: Outcome = (false, false);

/// Makes a logout beside other requests with the same token. Expects at least so many orders, and
/// all of these outcomes.
fn race(servers: &Servers, token: &str, requests: &[Request], at_least: usize, expected: &[Outcome]) {
    let id = see(servers, token, ID).unwrap();
    let outcomes = RefCell::new(BTreeSet::new());
    let orders = servers.explore(requests, |responses| {
        let is_done = |response: &Response| {
            assert!(matches!(response.error, None | Some(ErrorKind::Gone)), "{response:?}");
            response.error.is_none()
        };
        let (logout, others) = responses.split_first().unwrap();
        outcomes.borrow_mut().insert((is_done(logout), others.iter().all(is_done)));
        assert_eq!(user(servers, token), None, "the old token opens nothing");
        let is_stored = servers.stored().iter().any(|stored| stored.to_string() == id);
        if is_stored {
            expect_superseded(servers, token);
        }
        for (Request { name, .. }, response) in requests.iter().zip(responses) {
            if let "logout" | "farewell" = *name {
                assert!(response.error.is_some() || !is_stored, "nothing brings the session back");
            }
            let Some(cookie) = response.cookie() else {
                assert!(response.set_cookie.is_none() || *name == "logout", "{name} signs nobody out");
                assert!(response.error.is_some() || !matches!(*name, "login" | "farewell"), "{name} has a cookie");
                continue;
            };
            assert_eq!(response.error, None);
            let seen = see(servers, &cookie, ID);
            let is_old = seen.as_ref() == Some(&id);
            assert!(!is_old || is_stored, "the cookie of {name} opens what has ended");
            let whose = user(servers, &cookie);
            assert!(whose.is_none() || is_old || *name == "login", "{name} is nobody's");
            assert!(is_old || !has(servers, &cookie, "cart=7"), "{name} has what has ended");
        }
    });
    expect_many(&describe(requests), orders, at_least);
    assert_eq!(outcomes.into_inner(), expected.iter().copied().collect());
}

fn race_of_visitor(steps: &[Step], at_least: usize, expected: &[Outcome]) {
    let servers = Servers::new();
    let token = visitor(&servers);
    race(&servers, &token, &with_token(steps, &token), at_least, expected);
}

fn race_of_user(steps: &[Step], at_least: usize, expected: &[Outcome]) {
    let (servers, token) = due();
    race(&servers, &token, &with_token(steps, &token), at_least, expected);
}

#[test]
fn no_write_brings_a_session_back() {
    let write = ("write", 1, WRITE);
    for race in [race_of_visitor, race_of_user] {
        race(&[LOGOUT_FIRST, write], 12, &[BOTH, LOGOUT_ONLY]);
        race(&[("farewell", 0, FAREWELL), write], 20, &[BOTH, LOGOUT_ONLY]);
        race(&[LOGOUT_FIRST, write, ("write", 0, WRITE)], 150, &[BOTH, LOGOUT_ONLY]);
    }
}

#[test]
fn a_login_beside_a_logout_begins_anew() {
    let ann = ("login", 1, LOGIN_AS_ANN);
    let all = [BOTH, LOGOUT_ONLY, OTHERS_ONLY, NEITHER];
    for race in [race_of_visitor, race_of_user] {
        race(&[LOGOUT_FIRST, ann], 12, &[BOTH, OTHERS_ONLY]);
        race(&[LOGOUT_FIRST, ann, ("login", 0, LOGIN_AS_BOB)], 400, &[BOTH, OTHERS_ONLY]);
        race(&[LOGOUT_FIRST, ann, ("write", 0, WRITE)], 200, &all);
        race(&[LOGOUT_FIRST, ann, ("logout", 1, LOGOUT)], 150, &all);
    }
}

#[test]
fn no_rotation_outlives_a_logout() {
    let (look, renewal) = (("look", 1, USER), ("renewal", 1, RENEW));
    race_of_user(&[LOGOUT_FIRST, look], 12, &[BOTH]);
    race_of_user(&[LOGOUT_FIRST, renewal], 12, &[BOTH, LOGOUT_ONLY, OTHERS_ONLY]);
    race_of_user(&[LOGOUT_FIRST, look, ("write", 0, WRITE)], 150, &[BOTH, LOGOUT_ONLY]);
    race_of_user(&[LOGOUT_FIRST, renewal, ("look", 0, USER)], 90, &[BOTH, LOGOUT_ONLY, OTHERS_ONLY]);
}

#[test]
fn a_logout_with_the_new_token_ends_the_old_one_too() {
    let (servers, token) = due();
    let logout = Request { name: "logout", server: 1, sent: Sent::First, deed: LOGOUT };
    for others in [&[("look", 0, USER), ("write", 1, WRITE)], &[("write", 0, WRITE), ("write", 1, WRITE)]] {
        let requests: Vec<_> = [logout.clone()].into_iter().chain(with_token(others, &token)).collect();
        race(&servers, &token, &requests, 50, &[BOTH, LOGOUT_ONLY]);
    }
}
