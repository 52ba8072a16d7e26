//! Requests with the old token at the moment when a rotation is due.

use std::cell::Cell;

use super::*;

const LOOK: Step = ("look", 0, USER);
const OTHER_LOOK: Step = ("look", 1, USER);
const WRITE_HERE: Step = ("write", 0, COUNT);
const WRITE_THERE: Step = ("write", 1, COUNT);

/// Returns how often a browser with this cookie was counted, which must be ann's.
fn visits(servers: &Servers, cookie: &str) -> usize {
    assert_eq!(user(servers, cookie).as_deref(), Some("ann"), "the user is signed out");
    let visits = see(servers, cookie, |session| session.lenient("n").text());
    visits.map_or(0, |visits| visits.parse().unwrap())
}

/// Makes requests with the old token, and checks that each cookie opens the session, whichever
/// response arrives last or gets lost.
fn race(steps: &[Step], at_least: usize) {
    let (servers, token) = due();
    let writes = steps.iter().filter(|(name, ..)| *name == "write").count();
    let requests = with_token(steps, &token);
    let orders = servers.explore(&requests, |responses| {
        for response in responses {
            assert_eq!((response.error, response.seen.as_deref()), (None, Some("ann")));
        }
        let cookies: Vec<_> = responses.iter().filter_map(Response::cookie).collect();
        let [new] = &cookies[..] else { panic!("one new token is sent, not {}", cookies.len()) };
        assert_eq!([&token, new].map(|cookie| visits(&servers, cookie)), [writes; 2]);
        // The first use of the new token ends the rotation.
        let used = servers.visit(0, Some(new), USER);
        assert_eq!((used.seen.as_deref(), used.set_cookie), (Some("ann"), None));
        assert_eq!(visits(&servers, new), writes);
        expect_superseded(&servers, &token);
    });
    expect_many(&describe(&requests), orders, at_least);
}

#[test]
fn no_rotation_signs_the_user_out() {
    race(&[LOOK, OTHER_LOOK], 12);
    race(&[LOOK, WRITE_THERE], 12);
    race(&[WRITE_HERE, WRITE_THERE], 12);
    race(&[LOOK, OTHER_LOOK, WRITE_THERE], 120);
    race(&[WRITE_HERE, WRITE_THERE, WRITE_THERE], 120);
}

/// Makes requests with the old token, and one with the new token as soon as it has arrived.
fn race_with_first_use(steps: &[Step], server: usize, at_least: usize) {
    let (servers, token) = due();
    let mut requests = with_token(steps, &token);
    requests.push(Request { name: "first use", server, sent: Sent::First, deed: COUNT });
    let overtaken = Cell::new(0);
    let orders = servers.explore(&requests, |responses| {
        let (first_use, others) = responses.split_last().unwrap();
        assert_eq!((first_use.error, first_use.seen.as_deref()), (None, Some("ann")));
        let cookies: Vec<_> = responses.iter().filter_map(Response::cookie).collect();
        let [new] = &cookies[..] else { panic!("one new token is sent, not {}", cookies.len()) };
        let mut writes = 1;
        for ((name, ..), response) in steps.iter().zip(others) {
            let is_write = *name == "write";
            if response.seen.is_some() {
                assert_eq!((response.error, response.seen.as_deref()), (None, Some("ann")));
                writes += usize::from(is_write);
            } else {
                assert_eq!(response.error, is_write.then_some(ErrorKind::Gone), "{name} came with a superseded token");
                overtaken.set(overtaken.get() + 1);
            }
        }
        assert_eq!(visits(&servers, new), writes);
        expect_superseded(&servers, &token);
    });
    expect_many(&describe(&requests), orders, at_least);
    assert!(overtaken.get() > 0, "no request came after the first use");
}

#[test]
fn the_first_use_of_a_new_token_interrupts_nobody() {
    race_with_first_use(&[LOOK, WRITE_THERE], 1, 12);
    race_with_first_use(&[WRITE_HERE, WRITE_THERE], 0, 12);
    race_with_first_use(&[LOOK, OTHER_LOOK, WRITE_THERE], 1, 100);
    race_with_first_use(&[WRITE_HERE, OTHER_LOOK, WRITE_THERE], 0, 100);
}

/// Makes requests with the old token, of which the first renews it or signs in again.
fn race_with_renewal(steps: &[Step], at_least: usize) {
    let (servers, token) = due();
    let requests = with_token(steps, &token);
    let orders = servers.explore(&requests, |responses| {
        let renewed = responses[0].cookie().expect("a renewal has a cookie");
        let mut writes = 0;
        for ((name, ..), response) in steps.iter().zip(responses) {
            assert!(matches!(response.error, None | Some(ErrorKind::Gone)), "{name}: {response:?}");
            writes += usize::from(*name == "write" && response.error.is_none());
        }
        assert_eq!(visits(&servers, &renewed), writes);
        // Whatever cookie arrives last, no request begins a session as nobody.
        for cookie in responses.iter().filter_map(Response::cookie).chain([token.clone()]) {
            let next = servers.look(|| servers.visit(1, Some(&cookie), COUNT));
            match next.error {
                None => assert_eq!(next.seen.as_deref(), Some("ann")),
                Some(error) => assert_eq!((error, next.set_cookie), (ErrorKind::Gone, None)),
            }
        }
    });
    expect_many(&describe(&requests), orders, at_least);
}

#[test]
fn no_renewal_beside_a_rotation_makes_the_user_nobody() {
    for deed in [RENEW, LOGIN_AS_ANN] {
        let renewal = ("renewal", 0, deed);
        race_with_renewal(&[renewal, OTHER_LOOK], 12);
        race_with_renewal(&[renewal, WRITE_THERE], 12);
        race_with_renewal(&[renewal, OTHER_LOOK, WRITE_HERE], 100);
        race_with_renewal(&[renewal, OTHER_LOOK, WRITE_THERE], 100);
    }
}
