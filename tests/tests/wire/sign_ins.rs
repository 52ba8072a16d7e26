//! How long a login lasts, and how long ago it was.

use sessions_tests::scenarios::lifetimes;
use sessions_tests::{Framework, Options, Server, Visitor, in_every_framework};

in_every_framework! {
    whoami_has_the_times_of_a_login,
    remembered_login_outlives_browser_and_timeouts,
    remembered_login_ends_at_its_time,
    invalid_remember_time_is_refused,
    confirmation_makes_a_login_fresh_again,
    confirmation_keeps_the_lifetime,
    expiry_of_one_session_can_be_changed,
    invalid_expiry_time_is_refused,
}

fn start(framework: Framework) -> Server {
    lifetimes::ARGUMENTS.into_iter().fold(Options::new(framework), Options::argument).start()
}

fn whoami_has_the_times_of_a_login(framework: Framework) {
    lifetimes::whoami_has_the_times_of_a_login(&[&start(framework)]);
}

fn remembered_login_outlives_browser_and_timeouts(framework: Framework) {
    lifetimes::remembered_login_outlives_browser_and_timeouts(&[&start(framework)]);
}

fn remembered_login_ends_at_its_time(framework: Framework) {
    lifetimes::remembered_login_ends_at_its_time(&[&start(framework)]);
}

fn invalid_remember_time_is_refused(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    for remember in ["", "soon", "0s", "1us", "401d", "-1d"] {
        let refused = visitor.get(&format!("/login?user=ann&remember={remember}"));
        refused.expect_status(400).expect_no_cookie();
    }
    visitor.get("/login?user=ann&remember=400d").expect_text("ok");
}

fn confirmation_makes_a_login_fresh_again(framework: Framework) {
    lifetimes::confirmation_makes_a_login_fresh_again(&[&start(framework)]);
}

fn confirmation_keeps_the_lifetime(framework: Framework) {
    lifetimes::confirmation_keeps_the_lifetime(&[&start(framework)]);
}

fn expiry_of_one_session_can_be_changed(framework: Framework) {
    lifetimes::expiry_of_one_session_can_be_changed(&[&start(framework)]);
}

fn invalid_expiry_time_is_refused(framework: Framework) {
    let server = Server::start(framework);
    server.visitor().get("/expire?after=10m").expect_status(409).expect_no_cookie();
    let mut visitor = server.signed_in("ann");
    let ends_at = |visitor: &mut Visitor<'_>| visitor.get("/whoami").json()["ends_at"].as_u64();
    let ends = ends_at(&mut visitor);
    assert!(ends.is_some());
    for target in ["/expire", "/expire?after=", "/expire?after=soon", "/expire?after=0s", "/expire?after=1us"] {
        visitor.get(target).expect_status(400).expect_no_cookie();
    }
    visitor.get("/expire?after=401d").expect_status(400).expect_no_cookie();
    assert_eq!(ends_at(&mut visitor), ends);
    visitor.expect_user("ann");
}
