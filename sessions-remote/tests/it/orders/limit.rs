//! Logins of one principal who may have few sessions.

use std::cell::Cell;
use std::time::Duration;

use sessions_core::LimitPolicy::{self, EndOldest, RefuseLogin};

use super::*;

const NAMES: [&str; 3] = ["first", "second", "third"];

/// How a login begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Nothing,
    /// A session with a cart.
    Session,
}

fn servers(most: usize, policy: LimitPolicy) -> Servers {
    Servers::with(|builder| builder.sessions_per_principal(most).limit_policy(policy))
}

/// Returns logins on both servers in turn.
fn logins(servers: &Servers, from: &[From]) -> Vec<Request> {
    let requests = NAMES.into_iter().zip(from).enumerate();
    let request = requests.map(|(index, (name, from))| {
        let sent = if *from == From::Session { Sent::Token(visitor(servers)) } else { Sent::Nothing };
        Request { name, server: index % 2, sent, deed: LOGIN_AS_ANN }
    });
    request.collect()
}

fn describe_logins(most: usize, policy: LimitPolicy, from: &[From]) -> String {
    format!("{policy:?} beyond {most}, logins from {from:?}")
}

/// Makes logins beside some that were made before. Those that stay must be the newest, or the
/// oldest if newer ones are refused.
fn race(most: usize, policy: LimitPolicy, former: usize, from: &[From], at_least: usize) {
    let servers = servers(most, policy);
    let sign_in = |_| {
        servers.advance(Duration::from_secs(1));
        servers.visit(0, None, LOGIN_AS_ANN)
    };
    let former: Vec<Response> = (0..former).map(sign_in).collect();
    servers.advance(Duration::from_secs(1));
    // A third login has many orders, whose sessions are all new: one half of them is enough.
    let requests = logins(&servers, from);
    let refused = Cell::new(0);
    let check = |responses: &[Response]| {
        let mut all: Vec<_> = former.iter().chain(responses).collect();
        // By the time of the login.
        all.sort_by(|one, other| one.seen.cmp(&other.seen));
        if policy == EndOldest {
            all.reverse();
        }
        let (stay, gone) = all.split_at(most.min(all.len()));
        assert_eq!(servers.stored().len(), stay.len(), "no more sessions than allowed");
        for response in stay {
            assert_eq!(response.error, None);
            assert_eq!(user(&servers, &response.cookie().unwrap()).as_deref(), Some("ann"));
        }
        for response in gone {
            match response.error {
                // Another one has ended it, and its visitor finds out with the next request.
                None => assert_eq!(user(&servers, &response.cookie().unwrap()), None),
                Some(error) => {
                    assert_eq!((policy, error), (RefuseLogin, ErrorKind::TooManySessions));
                    assert_eq!(response.set_cookie, None);
                    refused.set(refused.get() + 1);
                }
            }
        }
    };
    let orders = if from.len() > 2 {
        servers.explore_half(&requests, policy == RefuseLogin, check)
    } else {
        servers.explore(&requests, check)
    };
    expect_many(&describe_logins(most, policy, from), orders, at_least);
    assert_eq!(refused.get() > 0, policy == RefuseLogin, "{} logins were refused", refused.get());
}

#[test]
fn logins_side_by_side_leave_the_newest() {
    race(1, EndOldest, 0, &[From::Nothing; 2], 80);
    race(1, EndOldest, 1, &[From::Nothing, From::Session], 600);
    race(1, EndOldest, 0, &[From::Session; 2], 200);
    race(2, EndOldest, 1, &[From::Session; 2], 200);
}

#[test]
fn logins_side_by_side_leave_the_oldest_if_others_are_refused() {
    race(1, RefuseLogin, 0, &[From::Nothing; 2], 25);
    race(1, RefuseLogin, 1, &[From::Nothing, From::Session], 140);
    race(1, RefuseLogin, 0, &[From::Session; 2], 80);
    race(2, RefuseLogin, 1, &[From::Session; 2], 80);
}

#[test]
fn three_logins_leave_the_newest_two() {
    race(2, EndOldest, 0, &[From::Nothing; 3], 5000);
}

#[test]
fn three_logins_leave_the_oldest_two_if_the_third_is_refused() {
    race(2, RefuseLogin, 0, &[From::Nothing; 3], 500);
}

#[test]
fn logins_of_one_moment_leave_as_many_as_are_allowed() {
    for policy in [EndOldest, RefuseLogin] {
        let mut servers = servers(1, policy);
        servers.stop_time();
        let from = [From::Nothing, From::Session];
        let orders = servers.explore(&logins(&servers, &from), |responses| {
            let cookies = responses.iter().filter_map(Response::cookie);
            let alive = cookies.filter(|cookie| user(&servers, cookie).is_some()).count();
            assert_eq!((servers.stored().len(), alive), (1, 1));
        });
        expect_many(&describe_logins(1, policy, &from), orders, 40);
    }
}
