//! Scenarios that hold on every store, in every framework.

use sessions_tests::scenarios::{
    devices, flashes, flows, lifetimes, limits, login, logout, principals, races, rotation, superseded, tokens,
};
use sessions_tests::{Framework, Server};

use crate::support::{Engine, Place, on_every_store_in_every_framework};

on_every_store_in_every_framework! {
    parallel_writes_all_stay,
    parallel_increments_add_up,
    a_request_in_flight_cannot_undo_a_logout,
    racing_requests_never_revive_a_session,
    eight_logins_at_once_all_sign_in,
    visitors_sign_in_and_out,
    a_user_lists_and_ends_the_other_sessions,
    a_device_is_signed_out_by_its_id,
    flashes_are_shown_once,
    destroyall_leaves_no_session,
    a_session_stays_within_its_limits,
    a_flood_of_large_writes_blocks_nobody_else,
    a_long_principal_is_refused,
    a_logout_ends_every_proven_session,
    a_login_overtakes_requests,
    a_rotation_signs_nobody_out,
    a_user_has_no_more_sessions_than_allowed,
    a_login_lasts_as_long_as_asked_for,
}

fn on(framework: Framework, engine: Engine, scenario: impl Fn(&Server)) {
    with(framework, engine, &[], scenario);
}

/// Runs a scenario on a demo that is started with more arguments.
fn with(framework: Framework, engine: Engine, arguments: &[&str], scenario: impl Fn(&Server)) {
    if let Some(place) = Place::new(engine) {
        scenario(&place.start_with(framework, arguments));
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

fn racing_requests_never_revive_a_session(framework: Framework, engine: Engine) {
    on(framework, engine, |server| logout::racing_requests_never_revive_a_session(server, 5));
}

fn eight_logins_at_once_all_sign_in(framework: Framework, engine: Engine) {
    on(framework, engine, |server| login::eight_logins_at_once_from_one_cookie_all_sign_in(server, 5));
}

fn visitors_sign_in_and_out(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        flows::a_user_signs_in_and_out(server);
        flows::destroy_empties_the_session_and_removes_the_cookie(server);
    });
}

fn a_user_lists_and_ends_the_other_sessions(framework: Framework, engine: Engine) {
    on(framework, engine, devices::a_user_lists_all_sessions_and_the_current_one);
    on(framework, engine, devices::logout_others_ends_only_the_users_other_sessions);
    on(framework, engine, devices::a_login_after_logout_others_stays);
}

fn a_device_is_signed_out_by_its_id(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        devices::one_device_is_signed_out_from_another(&[server]);
        devices::device_of_another_user_is_not_signed_out(&[server]);
    });
}

fn flashes_are_shown_once(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        flashes::a_flash_is_read_once(server);
        flashes::a_peek_leaves_the_flash(server);
        flashes::an_unread_flash_stays(server);
    });
}

fn destroyall_leaves_no_session(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        flows::clear_and_destroyall_leave_no_values(server);
        flows::destroyall_ends_the_sessions_of_everybody(server);
    });
}

fn a_session_stays_within_its_limits(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        limits::parallel_large_writes_respect_the_size_limit(server);
        limits::parallel_small_writes_respect_the_key_limit(server);
    });
}

fn a_flood_of_large_writes_blocks_nobody_else(framework: Framework, engine: Engine) {
    // Calls over a network have a deadline. On a busy machine, 100 large values would exceed it.
    let count = if matches!(engine, Engine::Redis | Engine::RedisCluster) { 20 } else { 100 };
    on(framework, engine, |server| limits::a_flood_of_large_writes_blocks_nobody_else(server, count));
}

fn a_long_principal_is_refused(framework: Framework, engine: Engine) {
    on(framework, engine, limits::a_long_principal_is_refused);
}

fn a_login_overtakes_requests(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        superseded::overtaken_requests_are_refused_and_sign_nobody_out(&[server]);
        superseded::requests_in_flight_are_kept_or_refused(&[server, server, server], 5);
        superseded::a_flash_is_shown_once_despite_a_login(&[server], 3);
        superseded::a_login_that_is_sent_twice_keeps_the_cart(&[server]);
    });
}

fn a_rotation_signs_nobody_out(framework: Framework, engine: Engine) {
    with(framework, engine, &["--rotate", "1ms"], |server| {
        rotation::parallel_requests_sign_nobody_out(&[server], 2);
        rotation::lost_response_signs_nobody_out(&[server]);
        rotation::first_use_of_the_new_token_ends_the_old_one(&[server]);
        rotation::a_renewal_overtakes_both_tokens(&[server]);
    });
}

fn a_user_has_no_more_sessions_than_allowed(framework: Framework, engine: Engine) {
    with(framework, engine, &["--per-principal", "5"], |server| {
        principals::parallel_logins_leave_no_more_than_allowed(&[server], 24, 5, 3);
    });
}

fn a_logout_ends_every_proven_session(framework: Framework, engine: Engine) {
    on(framework, engine, |server| {
        tokens::a_logout_with_two_live_tokens_ends_both_sessions(server);
        tokens::a_login_with_two_live_tokens_ends_both_sessions(server);
        tokens::a_write_with_two_live_tokens_is_refused(server);
        tokens::a_logout_finds_its_token_among_strangers(server);
        tokens::a_logout_with_nine_tokens_is_refused_and_ends_nothing(server);
    });
}

fn a_login_lasts_as_long_as_asked_for(framework: Framework, engine: Engine) {
    with(framework, engine, &lifetimes::ARGUMENTS, |server| {
        lifetimes::whoami_has_the_times_of_a_login(&[server]);
        lifetimes::remembered_login_outlives_browser_and_timeouts(&[server]);
        lifetimes::remembered_login_ends_at_its_time(&[server]);
        lifetimes::confirmation_makes_a_login_fresh_again(&[server]);
        lifetimes::confirmation_keeps_the_lifetime(&[server]);
        lifetimes::expiry_of_one_session_can_be_changed(&[server]);
    });
}
