//! What every store keeps of the scenarios, in every framework.

use sessions_tests::scenarios::{devices, flashes, flows, limits, login, logout, races, tokens};
use sessions_tests::{Framework, Server};

use crate::support::{Engine, Place, on_every_store_in_every_framework};

on_every_store_in_every_framework! {
    parallel_writes_all_stay,
    parallel_increments_add_up,
    a_request_in_flight_cannot_undo_a_logout,
    requests_that_race_a_logout_never_bring_it_back,
    eight_logins_at_once_all_sign_in,
    visitors_come_and_go,
    a_user_sees_and_ends_the_other_sessions,
    flashes_are_shown_once,
    nobody_is_left_after_destroyall,
    a_session_stays_within_its_limits,
    a_flood_of_large_writes_costs_others_nothing,
    a_long_principal_is_refused,
    a_logout_ends_every_session_that_its_request_proves,
}

fn on(framework: Framework, engine: Engine, scenario: impl Fn(&Server)) {
    if let Some(place) = Place::new(engine) {
        scenario(&place.start(framework));
    }
}

fn parallel_writes_all_stay(framework: Framework, engine: Engine) {
    on(framework, engine, |server| races::parallel_writes_of_different_keys_all_stay(server, 25));
}

fn parallel_increments_add_up(framework: Framework, engine: Engine) {
    on(framework, engine, |server| races::parallel_increments_add_up(server, 20, 20));
}

fn a_request_in_flight_cannot_undo_a_logout(framework: Framework, engine: Engine) {
    on(framework, engine, |server| logout::a_request_in_flight_cannot_undo_a_logout(server, 20));
}

fn requests_that_race_a_logout_never_bring_it_back(framework: Framework, engine: Engine) {
    on(framework, engine, |server| logout::requests_that_race_a_logout_never_bring_it_back(server, 5));
}

fn eight_logins_at_once_all_sign_in(framework: Framework, engine: Engine) {
    on(framework, engine, |server| login::eight_logins_at_once_from_one_cookie_all_sign_in(server, 5));
}

fn visitors_come_and_go(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        flows::a_user_signs_in_and_out(server);
        flows::after_destroy_the_session_is_empty_and_the_browser_has_no_cookie(server);
    });
}

fn a_user_sees_and_ends_the_other_sessions(framework: Framework, engine: Engine) {
    on(framework, engine, devices::a_user_sees_all_sessions_and_which_one_is_current);
    on(framework, engine, devices::logout_others_ends_the_other_sessions_of_the_user_alone);
    on(framework, engine, devices::a_login_after_logout_others_stays);
}

fn flashes_are_shown_once(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        flashes::a_flash_is_got_once(server);
        flashes::a_peek_leaves_the_flash(server);
        flashes::a_flash_that_was_not_got_waits(server);
    });
}

fn nobody_is_left_after_destroyall(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        flows::clear_and_destroyall_leave_no_values(server);
        flows::destroyall_ends_the_sessions_of_everybody(server);
    });
}

fn a_session_stays_within_its_limits(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        limits::parallel_large_writes_stay_within_the_bytes(server);
        limits::parallel_small_writes_stay_within_the_keys(server);
    });
}

fn a_flood_of_large_writes_costs_others_nothing(framework: Framework, engine: Engine) {
    // A call across a network has a deadline, and on a busy machine this many large values take
    // longer than that.
    let count = if matches!(engine, Engine::Redis | Engine::RedisCluster) { 20 } else { 100 };
    on(framework, engine, |server| limits::a_flood_of_large_writes_costs_others_nothing(server, count));
}

fn a_long_principal_is_refused(framework: Framework, engine: Engine) {
    on(framework, engine, limits::a_long_principal_is_refused);
}

fn a_logout_ends_every_session_that_its_request_proves(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        tokens::a_logout_with_two_live_tokens_ends_both_sessions(server);
        tokens::a_login_with_two_live_tokens_ends_both_sessions(server);
        tokens::a_logout_finds_its_token_among_strangers(server);
        tokens::a_logout_with_nine_tokens_is_refused_and_ends_nothing(server);
    });
}
