//! Requests that carry the token from before a login.

use sessions_tests::scenarios::superseded;
use sessions_tests::{Framework, Options, Server, in_every_framework};

in_every_framework! {
    overtaken_requests_are_refused_and_sign_nobody_out,
    requests_in_flight_are_kept_or_refused,
    a_flash_is_shown_once_despite_a_login,
    a_login_that_is_sent_twice_keeps_the_cart,
    after_the_grace_an_old_token_is_unknown,
}

fn overtaken_requests_are_refused_and_sign_nobody_out(framework: Framework) {
    superseded::overtaken_requests_are_refused_and_sign_nobody_out(&[&Server::start(framework)]);
}

fn requests_in_flight_are_kept_or_refused(framework: Framework) {
    let server = Server::start(framework);
    superseded::requests_in_flight_are_kept_or_refused(&[&server, &server, &server], 10);
}

fn a_flash_is_shown_once_despite_a_login(framework: Framework) {
    superseded::a_flash_is_shown_once_despite_a_login(&[&Server::start(framework)], 5);
}

fn a_login_that_is_sent_twice_keeps_the_cart(framework: Framework) {
    superseded::a_login_that_is_sent_twice_keeps_the_cart(&[&Server::start(framework)]);
}

fn after_the_grace_an_old_token_is_unknown(framework: Framework) {
    let server = Options::new(framework).argument("--grace").argument("0s").start();
    let mut visitor = server.visitor();
    visitor.put("cart", "7");
    let before = visitor.token();
    visitor.login("ann");
    let mut late = server.visitor_with(&before);
    late.put("k", "v");
    assert_ne!(late.token(), before, "a write begins a new session");
    assert_eq!(late.entries(), [("k".to_owned(), "v".to_owned())].into());
    visitor.expect_user("ann");
}
