//! Tokens that are replaced while a session is in use.

use sessions_tests::scenarios::rotation;
use sessions_tests::{Framework, Options, Server, in_every_framework};

in_every_framework! {
    parallel_requests_sign_nobody_out,
    lost_response_signs_nobody_out,
    first_use_of_the_new_token_ends_the_old_one,
    a_renewal_overtakes_both_tokens,
    token_is_kept_until_a_rotation_is_due,
}

fn rotating(framework: Framework) -> Server {
    Options::new(framework).argument("--rotate").argument("1ms").start()
}

fn parallel_requests_sign_nobody_out(framework: Framework) {
    rotation::parallel_requests_sign_nobody_out(&[&rotating(framework)], 20);
}

fn lost_response_signs_nobody_out(framework: Framework) {
    rotation::lost_response_signs_nobody_out(&[&rotating(framework)]);
}

fn first_use_of_the_new_token_ends_the_old_one(framework: Framework) {
    rotation::first_use_of_the_new_token_ends_the_old_one(&[&rotating(framework)]);
}

fn a_renewal_overtakes_both_tokens(framework: Framework) {
    rotation::a_renewal_overtakes_both_tokens(&[&rotating(framework)]);
}

fn token_is_kept_until_a_rotation_is_due(framework: Framework) {
    for server in [Server::start(framework), Options::new(framework).argument("--rotate").argument("15m").start()] {
        let mut visitor = server.signed_in("ann");
        for _ in 0..20 {
            visitor.get("/incr?k=n").expect_ok().expect_no_cookie();
        }
    }
}
