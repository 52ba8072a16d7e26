//! How many sessions a user may have.

use crate::{Response, Server, Visitor, each_together};

const LOGIN: &str = "/login?user=ann";
/// Number of times that a user tries again to sign in.
const MOST_REPEATS: usize = 10;

/// Signs a user in `logins` times at once, spread over all servers, where `most` sessions are
/// allowed, and repeats this in each round.
///
/// Each of many logins reads all sessions and ends the oldest. On a busy machine this may exceed
/// the deadline of a store. Visitors who get a 503 try again afterwards.
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
        let answers = each_together(&mut visitors, |_, visitor| visitor.get(LOGIN));
        visitors.iter_mut().zip(answers).for_each(|(visitor, answer)| sign_in_after(visitor, answer));
        if servers.iter().any(|server| server.output().contains("call=Limit")) {
            // A login stands if the store fails while it ends others. The next login checks again.
            visitors.push(servers[0].signed_in("ann"));
        }
        alive.append(&mut visitors);
        alive.retain_mut(|visitor| visitor.whoami().user.is_some());
        let count = alive.len();
        assert!(
            (1..=most).contains(&count),
            "{count} sessions are live after {logins} logins where {most} are allowed"
        );
    }
    for server in servers {
        let mut last = server.signed_in("ann");
        let listed = last.get("/sessions").json().as_array().map_or(0, Vec::len);
        assert!((1..=most).contains(&listed), "{listed} sessions are listed where {most} are allowed");
        last.expect_user("ann");
        server.visitor_with(&bob).expect_user("bob");
    }
}

/// Signs in again until an answer shows that the login succeeded, or the last try fails.
#[track_caller]
fn sign_in_after(visitor: &mut Visitor<'_>, mut answer: Response) {
    for _ in 0..MOST_REPEATS {
        if answer.status() != 503 {
            break;
        }
        answer.expect_no_cookie();
        answer = visitor.get(LOGIN);
    }
    answer.expect_text("ok");
}
