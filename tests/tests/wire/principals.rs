//! Sessions of one user, listed and ended from one of them.

use std::time::UNIX_EPOCH;

use sessions_tests::scenarios::{devices, principals};
use sessions_tests::{Framework, Options, Server, Visitor, in_every_framework};

in_every_framework! {
    a_user_lists_all_sessions_and_the_current_one,
    logout_others_ends_only_the_users_other_sessions,
    a_login_after_logout_others_stays,
    an_anonymous_visitor_lists_no_sessions,
    a_login_beyond_the_limit_ends_the_oldest,
    a_login_beyond_the_limit_may_be_refused,
    parallel_logins_leave_no_more_than_allowed,
}

fn a_user_lists_all_sessions_and_the_current_one(framework: Framework) {
    devices::a_user_lists_all_sessions_and_the_current_one(&Server::start(framework));
}

fn logout_others_ends_only_the_users_other_sessions(framework: Framework) {
    devices::logout_others_ends_only_the_users_other_sessions(&Server::start(framework));
}

fn a_login_after_logout_others_stays(framework: Framework) {
    devices::a_login_after_logout_others_stays(&Server::start(framework));
}

fn an_anonymous_visitor_lists_no_sessions(framework: Framework) {
    let server = Server::start(framework);
    let mut ann = server.signed_in("ann");
    let id = ann.id();
    let mut anonymous = server.visitor();
    anonymous.get("/set").expect_ok();
    for visitor in [&mut server.visitor(), &mut anonymous] {
        let answer = visitor.get("/sessions").expect_no_cookie();
        assert!(answer.status() < 500 && !answer.text().contains(&id), "{answer}");
        let answer = visitor.get("/logout_others").expect_no_cookie();
        assert!(answer.status() < 500, "{answer}");
    }
    ann.expect_user("ann");
    anonymous.get("/get").expect_name("iris");
}

fn limited(framework: Framework, most: &str) -> Server {
    Options::new(framework).argument("--per-principal").argument(most).start()
}

/// Logins within one millisecond have no order.
fn wait_for_the_next_millisecond() {
    let millis = || UNIX_EPOCH.elapsed().expect("the clock is right").as_millis();
    let now = millis();
    while millis() == now {
        std::hint::spin_loop();
    }
}

fn a_login_beyond_the_limit_ends_the_oldest(framework: Framework) {
    let server = limited(framework, "2");
    let mut bob = server.signed_in("bob");
    let mut logins: Vec<Visitor<'_>> = (0..4)
        .map(|_| {
            wait_for_the_next_millisecond();
            server.signed_in("ann")
        })
        .collect();
    let alive: Vec<bool> = logins.iter_mut().map(|visitor| visitor.whoami().user.is_some()).collect();
    assert_eq!(alive, [false, false, true, true]);
    bob.expect_user("bob");
}

fn a_login_beyond_the_limit_may_be_refused(framework: Framework) {
    let options = Options::new(framework).argument("--per-principal").argument("2");
    let server = options.argument("--limit-policy").argument("refuse").start();
    let [mut laptop, mut phone] = [(); 2].map(|()| server.signed_in("ann"));
    let mut tablet = server.visitor();
    tablet.put("cart", "3 books");
    for _ in 0..2 {
        wait_for_the_next_millisecond();
        tablet.get("/login?user=ann").expect_status(403);
        tablet.expect_anonymous();
    }
    laptop.expect_user("ann");
    phone.expect_user("ann");
    server.signed_in("bob").expect_user("bob");
    // A login in the same session does not count twice.
    wait_for_the_next_millisecond();
    phone.login("ann");
    phone.get("/logout").expect_text("ok");
    wait_for_the_next_millisecond();
    tablet.login("ann");
    tablet.expect_user("ann");
    laptop.expect_user("ann");
}

fn parallel_logins_leave_no_more_than_allowed(framework: Framework) {
    principals::parallel_logins_leave_no_more_than_allowed(&[&limited(framework, "5")], 64, 5, 5);
}
