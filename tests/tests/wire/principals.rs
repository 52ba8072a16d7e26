//! Sessions of one user, listed and ended from one of them.

use sessions_tests::scenarios::devices;
use sessions_tests::{Framework, Server, in_every_framework};

in_every_framework! {
    a_user_lists_all_sessions_and_the_current_one,
    logout_others_ends_only_the_users_other_sessions,
    a_login_after_logout_others_stays,
    an_anonymous_visitor_lists_no_sessions,
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
