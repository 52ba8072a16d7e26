//! Requests that carry the token from before a login.

use crate::Server;

/// Sends what a browser had sent before the login's answer arrived.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn overtaken_requests_are_refused_and_sign_nobody_out(server: &Server) {
    let mut visitor = server.visitor();
    visitor.put("cart", "7");
    let before = visitor.token();
    visitor.login("ann");
    for target in ["/put?k=cart&v=8", "/flash/set?k=notice&v=late", "/incr?k=n", "/logout"] {
        let answer = server.visitor_with(&before).get(target);
        assert_eq!(answer.expect_no_cookie().status(), 401, "{target}");
    }
    for (target, empty) in [("/get/", "{}"), ("/flash/get?k=notice", "")] {
        server.visitor_with(&before).get(target).expect_text(empty).expect_no_cookie();
    }
    visitor.expect_user("ann");
    assert_eq!(visitor.entries(), [("cart".to_owned(), "7".to_owned())].into());
}

/// Sends a login twice, as an impatient visitor does.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_login_that_is_sent_twice_keeps_the_cart(server: &Server) {
    let mut first = server.visitor();
    first.put("cart", "7");
    let before = first.token();
    first.login("ann");
    let mut second = server.visitor_with(&before);
    second.login("ann");
    let mut other = server.visitor_with(&before);
    other.login("bob");
    for visitor in [&mut first, &mut second] {
        visitor.expect_user("ann");
        assert_eq!(visitor.entries(), [("cart".to_owned(), "7".to_owned())].into());
    }
    other.expect_user("bob");
    assert!(other.entries().is_empty(), "the cart is not for another user");
}
