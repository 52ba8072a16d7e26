//! Login: the secret changes, the session stays.

use crate::{Server, each_together};

/// Signs in eight times at once with one cookie.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn eight_logins_at_once_from_one_cookie_all_sign_in(server: &Server, rounds: usize) {
    for _ in 0..rounds {
        let mut visitor = server.visitor();
        visitor.put("cart", "3 books");
        let id = visitor.id();
        let mut tabs = visitor.tabs(8);
        each_together(&mut tabs, |_, tab| drop(tab.login("ann")));
        let mut keepers = 0;
        for tab in &mut tabs {
            tab.expect_user("ann");
            assert_eq!(tab.entries().get("cart").map(String::as_str), Some("3 books"), "each login has the cart");
            keepers += usize::from(tab.id() == id);
        }
        assert_eq!(keepers, 1, "one of the logins keeps the session");
        visitor.expect_anonymous();
    }
}
