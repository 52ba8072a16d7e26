//! Tokens that are replaced while a session is in use. The server is started with `--rotate 1ms`,
//! so that nearly every request begins a rotation if none is under way.

use crate::{Response, Server, SetCookie, Visitor, each_together};

/// Sends 20 requests with the old token while it is replaced, spread over all servers.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn parallel_requests_sign_nobody_out(servers: &[&Server], rounds: usize) {
    let mut rotations = 0;
    for round in 0..rounds {
        let token = servers[0].signed_in("ann").token();
        let tab = |index: usize| servers[index % servers.len()].visitor_with(&token);
        let mut tabs: Vec<Visitor<'_>> = (0..20).map(tab).collect();
        // Writes and reads reach every server.
        let writes = |index: &usize| (index / servers.len()).is_multiple_of(2);
        each_together(&mut tabs, |index, tab| match writes(&index) {
            true => expect_kept(&tab.get(&format!("/put?k=k{index}&v={round}"))),
            false => expect_kept(&tab.get("/whoami")),
        });
        let mut replaced: Vec<String> = tabs.iter().flat_map(Visitor::issued).cloned().collect();
        replaced.dedup();
        assert!(replaced.len() <= 1, "several tokens were sent, but only one can be valid: {}", replaced.len());
        rotations += replaced.len();
        // The browser continues with the token that it was given last.
        let mut browser = servers[round % servers.len()].visitor_with(replaced.first().unwrap_or(&token));
        let written = browser.entries();
        assert_eq!(written.len(), (0..20).filter(writes).count(), "{written:?}");
        browser.expect_user("ann");
        if !replaced.is_empty() {
            servers.iter().for_each(|server| server.visitor_with(&token).expect_anonymous());
        }
    }
    assert!(rotations > 0, "no token was replaced in {rounds} rounds");
}

/// Loses the last server's response with the new token, and continues with the old one.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn lost_response_signs_nobody_out(servers: &[&Server]) {
    let token = servers[0].signed_in("ann").token();
    drop(rotated(servers[servers.len() - 1], &token));
    for (round, server) in servers.iter().cycle().take(servers.len().max(3)).enumerate() {
        let mut visitor = server.visitor_with(&token);
        visitor.put("k", &round.to_string()).expect_no_cookie();
        visitor.expect_user("ann");
        assert_eq!(visitor.entries()["k"], round.to_string());
    }
}

/// Uses the new token on the last server, which ends the old one on every server.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn first_use_of_the_new_token_ends_the_old_one(servers: &[&Server]) {
    let old = servers[0].signed_in("ann").token();
    let mut rotated = rotated(servers[servers.len() - 1], &old);
    servers.iter().for_each(|server| server.visitor_with(&old).expect_user("ann"));
    rotated.expect_user("ann");
    for server in servers {
        for target in ["/put?k=a&v=1", "/logout", "/incr?k=n"] {
            let mut late = server.visitor_with(&old);
            late.get(target).expect_status(401).expect_no_cookie();
            late.expect_anonymous();
        }
    }
    rotated.expect_user("ann");
    assert!(rotated.entries().is_empty(), "{:?}", rotated.entries());
    rotated.get("/logout").expect_ok();
    for server in servers {
        for token in [&old, &rotated.issued()[0]] {
            server.visitor_with(token).expect_anonymous();
        }
    }
}

/// Renews with one of two tokens while a token is replaced. Requests with the other token, which
/// were sent before, begin no anonymous session.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_renewal_overtakes_both_tokens(servers: &[&Server]) {
    for target in ["/confirm", "/login?user=ann"] {
        for uses_new in [false, true] {
            let old = servers[0].signed_in("ann").token();
            let new = rotated(servers[servers.len() - 1], &old).token();
            let mut browser = servers[0].visitor_with(if uses_new { &new } else { &old });
            browser.get(target).expect_ok();
            for token in [&old, &new] {
                for server in servers {
                    let mut late = server.visitor_with(token);
                    late.get("/put?k=a&v=1").expect_status(401).expect_no_cookie();
                    late.expect_anonymous();
                }
            }
            browser.expect_user("ann");
        }
    }
}

/// Returns a tab that was given a new token in place of `token`.
#[track_caller]
fn rotated<'a>(server: &'a Server, token: &str) -> Visitor<'a> {
    // A rotation is due a millisecond after the login.
    for _ in 0..1000 {
        let mut tab = server.visitor_with(token);
        tab.get("/whoami").expect_ok();
        if !tab.issued().is_empty() {
            return tab;
        }
    }
    panic!("no token was replaced");
}

/// Expects an answer that does not sign the visitor out.
#[track_caller]
fn expect_kept(answer: &Response) {
    let is_removed = answer.set_cookies().iter().any(SetCookie::is_removal);
    assert!(answer.status() == 200 && !is_removed, "{answer}");
}
