//! The order of functions in may_minihttp.

#![expect(dead_code, reason = "the program's `main` is not called")]
#![expect(clippy::needless_pass_by_value, reason = "a service owns its request")]

use crate::support::Browser;

include!("../../programs/order_minihttp.rs");

#[test]
fn only_members_pass() {
    let service = WithSessions::new(Sessions::builder().build().unwrap(), handle);
    let (server, _running) = service.start_with_address("127.0.0.1:0").unwrap();
    let mut browser = Browser::default();
    assert_eq!(browser.visit(server, "/members/whoami").0, 401);
    browser.ask(server, "POST", "/sign-in");
    assert_eq!(browser.visit(server, "/members/whoami"), (200, "ann".to_owned()));
}
