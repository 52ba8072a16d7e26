//! Requests that carry the token from before a login.

use crate::{Server, Visitor, each_together};

/// Sends requests with the old token to all servers after a login on the first.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn overtaken_requests_are_refused_and_sign_nobody_out(servers: &[&Server]) {
    let mut visitor = servers[0].visitor();
    visitor.put("cart", "7");
    let before = visitor.token();
    visitor.login("ann");
    for server in servers {
        for target in ["/put?k=cart&v=8", "/flash/set?k=notice&v=late", "/incr?k=n", "/logout"] {
            let answer = server.visitor_with(&before).get(target);
            assert_eq!(answer.expect_no_cookie().status(), 401, "{target}");
        }
        for (target, empty) in [("/get/", "{}"), ("/flash/get?k=notice", "")] {
            server.visitor_with(&before).get(target).expect_text(empty).expect_no_cookie();
        }
    }
    visitor.expect_user("ann");
    assert_eq!(visitor.entries(), [("cart".to_owned(), "7".to_owned())].into());
}

/// Signs in on the first server while the other servers work on requests with the old token.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn requests_in_flight_are_kept_or_refused(servers: &[&Server], rounds: usize) {
    let mut refused = 0;
    for round in 0..rounds {
        let mut visitor = servers[0].visitor();
        visitor.put("cart", "7");
        let before = visitor.token();
        let mut tabs: Vec<Visitor<'_>> = servers.iter().map(|server| server.visitor_with(&before)).collect();
        let kept = each_together(&mut tabs, |index, tab| match index {
            0 => tab.login("ann").status() == 200,
            _ => {
                let answer = tab.get(&format!("/put?k=k{index}&v={round}&ms=100")).expect_no_cookie();
                assert!(matches!(answer.status(), 200 | 401), "{answer}");
                answer.status() == 200
            }
        });
        tabs[0].expect_user("ann");
        let entries = tabs[0].entries();
        assert_eq!(entries["cart"], "7");
        for (index, kept) in kept.into_iter().enumerate().skip(1) {
            assert_eq!(entries.contains_key(&format!("k{index}")), kept, "k{index} in {entries:?}");
            refused += usize::from(!kept);
        }
    }
    assert!(refused > 0, "no request was overtaken in {rounds} rounds");
}

/// Signs in on the first server while the last one shows a flash to a request with the old token.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_flash_is_shown_once_despite_a_login(servers: &[&Server], rounds: usize) {
    let last = servers[servers.len() - 1];
    let mut overtaken = 0;
    for _ in 0..rounds {
        let mut visitor = servers[0].visitor();
        visitor.get("/flash/set?k=notice&v=saved").expect_ok();
        let mut tabs = [visitor.twin(), last.visitor_with(&visitor.token())];
        let shown = each_together(&mut tabs, |index, tab| match index {
            0 => {
                // Meanwhile the other request has loaded the session.
                tab.get("/put?k=cart&v=7&ms=80").expect_ok();
                tab.login("ann");
                None
            }
            _ => {
                let answer = tab.get("/flash/get?k=notice&ms=200").expect_no_cookie();
                // The request may also come after the login, and then reads an empty session.
                Some(answer.expect_ok().text()).filter(|text| !text.is_empty())
            }
        });
        let again = tabs[0].get("/flash/get?k=notice").expect_ok().text();
        let shown = shown.into_iter().flatten().count();
        assert!(shown + usize::from(!again.is_empty()) == 1, "shown {shown} times, then {again:?}");
        overtaken += shown;
    }
    assert!(overtaken > 0, "no request was overtaken in {rounds} rounds");
}

/// Sends a login twice, to the first server and to the last, as an impatient visitor does.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_login_that_is_sent_twice_keeps_the_cart(servers: &[&Server]) {
    let last = servers[servers.len() - 1];
    let mut first = servers[0].visitor();
    first.put("cart", "7");
    let before = first.token();
    first.login("ann");
    let mut second = last.visitor_with(&before);
    second.login("ann");
    let mut other = last.visitor_with(&before);
    other.login("bob");
    for visitor in [&mut first, &mut second] {
        visitor.expect_user("ann");
        assert_eq!(visitor.entries(), [("cart".to_owned(), "7".to_owned())].into());
    }
    other.expect_user("bob");
    assert!(other.entries().is_empty(), "another user does not get the cart");
}
