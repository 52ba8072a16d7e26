//! Requests with several session cookies.
//!
//! A successful logout has ended every session whose token the request carried. Regression: when
//! only one token was looked up, the other sessions stayed live despite a 200 and a removal of the
//! cookie.

use crate::{Request, Response, Server, Visitor, random_token};

/// Signs out with the cookies of two live sessions.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_logout_with_two_live_tokens_ends_both_sessions(server: &Server) {
    for route in ["/logout", "/destroy/"] {
        for order in [[0, 1], [1, 0]] {
            let mut visitors = [server.signed_in("ann"), server.signed_in("eve")];
            let pairs = order.map(|index| server.cookie(&visitors[index].token()));
            expect_signed_out(server, ask(server, route, &pairs));
            visitors.iter_mut().for_each(Visitor::expect_anonymous);
        }
    }
}

/// Signs in with the cookies of two live sessions.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_login_with_two_live_tokens_ends_both_sessions(server: &Server) {
    let mut visitors = [server.signed_in("ann"), server.signed_in("eve")];
    visitors.iter_mut().for_each(|visitor| drop(visitor.put("cart", "3 books")));
    let pairs = [0, 1].map(|index: usize| server.cookie(&visitors[index].token()));
    let answer = ask(server, "/login?user=ann", &pairs).expect_text("ok");
    let cookie = answer.set_cookies().into_iter().find(|cookie| cookie.name() == server.cookie_name());
    let mut begun = server.visitor_with(cookie.expect("a new session has a cookie").value());
    begun.expect_user("ann");
    assert_eq!(begun.entries(), [].into());
    visitors.iter_mut().for_each(Visitor::expect_anonymous);
}

/// Writes with the cookies of two live sessions. A new session's cookie would replace one of the
/// two in the browser, and no logout could then end the session of that cookie.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_write_with_two_live_tokens_is_refused(server: &Server) {
    let mut visitors = [server.signed_in("ann"), server.signed_in("eve")];
    let pairs = [0, 1].map(|index: usize| server.cookie(&visitors[index].token()));
    for target in ["/put?k=a&v=1", "/incr?k=n", "/flash/set?k=notice&v=late"] {
        ask(server, target, &pairs).expect_status(401).expect_no_cookie();
    }
    ask(server, "/get/", &pairs).expect_text("{}").expect_no_cookie();
    expect_signed_out(server, ask(server, "/logout", &pairs));
    visitors.iter_mut().for_each(Visitor::expect_anonymous);
}

/// Signs out with a live cookie among cookies without a session.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_logout_finds_its_token_among_strangers(server: &Server) {
    let unknown = |count: usize| -> Vec<String> { (0..count).map(|_| server.cookie(&random_token())).collect() };
    for strangers in [unknown(4), unknown(7), vec![server.cookie("x"); 64]] {
        for is_last in [true, false] {
            let mut owner = server.signed_in("ann");
            let mut pairs = strangers.clone();
            pairs.insert(if is_last { pairs.len() } else { 0 }, server.cookie(&owner.token()));
            expect_signed_out(server, ask(server, "/logout", &pairs));
            owner.expect_anonymous();
        }
    }
}

/// Signs out with more live and unknown tokens than are looked up.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_logout_with_nine_tokens_is_refused_and_ends_nothing(server: &Server) {
    let mut owners: Vec<Visitor<'_>> = (0..9).map(|index| server.signed_in(&format!("user-{index}"))).collect();
    let live: Vec<String> = owners.iter().map(|owner| server.cookie(&owner.token())).collect();
    let mut one_live: Vec<String> = (0..8).map(|_| server.cookie(&random_token())).collect();
    one_live.push(live[0].clone());
    for pairs in [live, one_live] {
        for route in ["/logout", "/login?user=ann", "/put?k=a&v=1"] {
            ask(server, route, &pairs).expect_status(400).expect_no_cookie();
        }
    }
    for (index, owner) in owners.iter_mut().enumerate() {
        owner.expect_user(&format!("user-{index}"));
        assert_eq!(owner.entries(), [].into());
    }
}

#[track_caller]
fn ask(server: &Server, target: &str, pairs: &[String]) -> Response {
    server.ask(&Request::get(target).cookie(pairs.join("; ")))
}

/// Expects success with a removal of the cookie.
#[track_caller]
fn expect_signed_out(server: &Server, answer: Response) {
    let answer = answer.expect_ok();
    let cookies = answer.set_cookies();
    let removed = cookies.iter().any(|cookie| cookie.name() == server.cookie_name() && cookie.is_removal());
    assert!(removed, "expected a removal of the cookie, but\n{answer}");
}
