//! Requests with several session cookies.

use sessions_tests::scenarios::tokens;
use sessions_tests::{Framework, Server, in_every_framework};

in_every_framework! {
    a_logout_with_two_live_tokens_ends_both_sessions,
    a_login_with_two_live_tokens_ends_both_sessions,
    a_write_with_two_live_tokens_is_refused,
    a_logout_finds_its_token_among_strangers,
    a_logout_with_nine_tokens_is_refused_and_ends_nothing,
}

fn a_logout_with_two_live_tokens_ends_both_sessions(framework: Framework) {
    tokens::a_logout_with_two_live_tokens_ends_both_sessions(&Server::start(framework));
}

fn a_login_with_two_live_tokens_ends_both_sessions(framework: Framework) {
    tokens::a_login_with_two_live_tokens_ends_both_sessions(&Server::start(framework));
}

fn a_write_with_two_live_tokens_is_refused(framework: Framework) {
    tokens::a_write_with_two_live_tokens_is_refused(&Server::start(framework));
}

fn a_logout_finds_its_token_among_strangers(framework: Framework) {
    tokens::a_logout_finds_its_token_among_strangers(&Server::start(framework));
}

fn a_logout_with_nine_tokens_is_refused_and_ends_nothing(framework: Framework) {
    tokens::a_logout_with_nine_tokens_is_refused_and_ends_nothing(&Server::start(framework));
}
