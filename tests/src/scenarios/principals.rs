//! How many sessions a user may have.

use crate::{Server, Visitor, each_together};

/// Signs a user in `logins` times at once, on all servers by turns, where `most` sessions are
/// allowed. Does so again in each round.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn parallel_logins_leave_no_more_than_allowed(servers: &[&Server], logins: usize, most: usize, rounds: usize) {
    let bob = servers[0].signed_in("bob").token();
    let mut alive: Vec<Visitor<'_>> = Vec::new();
    for _ in 0..rounds {
        let visitor = |index: usize| servers[index % servers.len()].visitor();
        let mut visitors: Vec<Visitor<'_>> = (0..logins).map(visitor).collect();
        each_together(&mut visitors, |_, visitor| drop(visitor.login("ann")));
        alive.append(&mut visitors);
        alive.retain_mut(|visitor| visitor.whoami().user.is_some());
        let count = alive.len();
        assert!((1..=most).contains(&count), "{count} sessions live after {logins} logins where {most} are allowed");
    }
    for server in servers {
        let mut last = server.signed_in("ann");
        let listed = last.get("/sessions").json().as_array().map_or(0, Vec::len);
        assert!((1..=most).contains(&listed), "{listed} sessions are listed where {most} are allowed");
        last.expect_user("ann");
        server.visitor_with(&bob).expect_user("bob");
    }
}
