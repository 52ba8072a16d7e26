//! How many sessions a user may have.

use crate::{Server, Visitor, each_together};

/// Signs a user in `logins` times at once, at all servers by turns, where `most` sessions are
/// allowed.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn parallel_logins_leave_no_more_than_allowed(servers: &[&Server], logins: usize, most: usize) {
    let bob = servers[0].signed_in("bob").token();
    let mut visitors: Vec<Visitor<'_>> = (0..logins).map(|index| servers[index % servers.len()].visitor()).collect();
    each_together(&mut visitors, |_, visitor| drop(visitor.login("ann")));
    let alive = visitors.iter_mut().filter_map(|visitor| visitor.whoami().user).count();
    assert!((1..=most).contains(&alive), "{alive} of {logins} sessions live where {most} are allowed");
    for server in servers {
        let mut last = server.signed_in("ann");
        let listed = last.get("/sessions").json().as_array().map_or(0, Vec::len);
        assert!((1..=most).contains(&listed), "{listed} sessions are listed where {most} are allowed");
        last.expect_user("ann");
        server.visitor_with(&bob).expect_user("bob");
    }
}
