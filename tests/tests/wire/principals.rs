//! The sessions of one user, seen and ended from one of them.

use sessions_tests::scenarios::devices;
use sessions_tests::{Framework, Server, in_every_framework};

in_every_framework! {
    a_user_sees_all_sessions_and_which_one_is_current,
    logout_others_ends_the_other_sessions_of_the_user_alone,
    a_login_after_logout_others_stays,
    a_stranger_sees_no_sessions,
}

fn a_user_sees_all_sessions_and_which_one_is_current(framework: Framework) {
    devices::a_user_sees_all_sessions_and_which_one_is_current(&Server::start(framework));
}

fn logout_others_ends_the_other_sessions_of_the_user_alone(framework: Framework) {
    devices::logout_others_ends_the_other_sessions_of_the_user_alone(&Server::start(framework));
}

fn a_login_after_logout_others_stays(framework: Framework) {
    devices::a_login_after_logout_others_stays(&Server::start(framework));
}

fn a_stranger_sees_no_sessions(framework: Framework) {
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
