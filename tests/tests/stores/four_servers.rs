//! One session on four servers of different frameworks, which share only the store.

use sessions_tests::scenarios::{devices, lifetimes, principals, rotation, superseded};
use sessions_tests::{Server, Visitor, each_together};

use crate::support::{Engine, Place, on_engines};

on_engines! {
    [redis Redis, cluster RedisCluster, postgres Postgres]
    [
        a_login_applies_to_all_servers,
        a_write_is_seen_on_all_servers,
        a_logout_applies_to_all_servers_at_once,
        a_logout_of_others_applies_to_all_servers,
        a_device_is_signed_out_on_all_servers,
        a_logout_ends_requests_in_flight_elsewhere,
        writes_on_all_servers_lose_nothing,
        increments_on_all_servers_add_up,
        a_flash_is_read_once_across_servers,
        a_user_has_no_more_sessions_than_allowed,
        a_login_overtakes_requests_on_all_servers,
        a_rotation_signs_nobody_out_on_any_server,
        a_login_lasts_equally_long_on_all_servers,
    ]
}

/// Returns the same browser on each of the servers.
fn at_each<'a>(servers: &'a [Server], token: &str) -> Vec<Visitor<'a>> {
    servers.iter().map(|server| server.visitor_with(token)).collect()
}

fn a_login_applies_to_all_servers(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    for (index, server) in servers.iter().enumerate() {
        let user = format!("user-{index}");
        let mut visitor = server.visitor();
        visitor.put("cart", "3 books");
        let (id, before) = (visitor.id(), visitor.token());
        visitor.login(&user);
        for mut visitor in at_each(&servers, &visitor.token()) {
            visitor.expect_user(&user);
            assert_eq!((visitor.id(), visitor.entries()["cart"].as_str()), (id.clone(), "3 books"));
        }
        at_each(&servers, &before).iter_mut().for_each(Visitor::expect_anonymous);
    }
}

fn a_write_is_seen_on_all_servers(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    let token = servers[0].signed_in("ann").token();
    let mut visitors = at_each(&servers, &token);
    for round in 0..5 {
        for writer in 0..visitors.len() {
            let value = format!("{round} by {writer}");
            visitors[writer].put("k", &value);
            for reader in &mut visitors {
                assert_eq!(reader.entries()["k"], value);
            }
        }
    }
}

fn a_logout_applies_to_all_servers_at_once(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    for (index, server) in servers.iter().enumerate() {
        let token = server.signed_in("ann").token();
        let mut visitors = at_each(&servers, &token);
        for visitor in &mut visitors {
            visitor.expect_user("ann");
        }
        visitors[index].get("/logout").expect_text("ok");
        at_each(&servers, &token).iter_mut().for_each(Visitor::expect_anonymous);
    }
}

fn a_logout_of_others_applies_to_all_servers(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    let mut visitors: Vec<_> = servers.iter().map(|server| server.signed_in("ann")).collect();
    let tokens: Vec<_> = visitors.iter().map(Visitor::token).collect();
    visitors[2].get("/logout_others").expect_ok().expect_no_cookie();
    for (index, token) in tokens.iter().enumerate() {
        for visitor in &mut at_each(&servers, token) {
            match index {
                2 => visitor.expect_user("ann"),
                _ => visitor.expect_anonymous(),
            }
        }
    }
}

fn a_device_is_signed_out_on_all_servers(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    devices::one_device_is_signed_out_from_another(&servers.each_ref());
    devices::device_of_another_user_is_not_signed_out(&servers.each_ref());
}

fn a_logout_ends_requests_in_flight_elsewhere(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    for _ in 0..5 {
        let token = servers[0].signed_in("ann").token();
        let answers = each_together(&mut at_each(&servers, &token), |index, visitor| match index {
            0 => visitor.get("/put?k=quick&v=1").expect_text("ok").status() + visitor.get("/logout").status(),
            _ => visitor.get(&format!("/put?k=k{index}&v=1&ms=50")).status(),
        });
        assert_eq!(answers[0], 400, "both were answered with 200");
        let is_known = |status: &u16| matches!(status, 200 | 401);
        assert!(answers[1..].iter().all(is_known), "expected 200 or 401 each, but {answers:?}");
        at_each(&servers, &token).iter_mut().for_each(Visitor::expect_anonymous);
    }
}

fn writes_on_all_servers_lose_nothing(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    let token = servers[3].signed_in("ann").token();
    let mut visitors = at_each(&servers, &token);
    for round in 0..40 {
        each_together(&mut visitors, |index, visitor| {
            let answer = visitor.get(&format!("/put?k=k{round}.{index}&v={index}&ms=2"));
            answer.expect_text("ok").expect_no_cookie();
        });
    }
    let entries = visitors[1].entries();
    let is_kept = |round: usize, index: usize| entries.get(&format!("k{round}.{index}")) == Some(&index.to_string());
    let kept = (0..160).filter(|number| is_kept(number / 4, number % 4)).count();
    assert_eq!(kept, 160, "of 160 keys");
}

fn increments_on_all_servers_add_up(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    let token = servers[1].signed_in("ann").token();
    let mut tabs: Vec<_> = (0..4).flat_map(|_| at_each(&servers, &token)).collect();
    each_together(&mut tabs, |_, tab| (0..25).for_each(|_| drop(tab.get("/incr?k=visits").expect_ok())));
    assert_eq!(tabs[2].entries()["visits"], "400");
}

fn a_flash_is_read_once_across_servers(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    let token = servers[2].signed_in("ann").token();
    let mut visitors = at_each(&servers, &token);
    for setter in 0..4 {
        visitors[setter].get("/flash/set?k=notice&v=saved").expect_ok();
        let getter = (setter + 1) % 4;
        visitors[getter].get("/flash/get?k=notice").expect_text("saved");
        for visitor in &mut visitors {
            visitor.get("/flash/get?k=notice").expect_text("");
        }
    }
}

fn a_user_has_no_more_sessions_than_allowed(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four_with(&["--per-principal", "5"]);
    principals::parallel_logins_leave_no_more_than_allowed(&servers.each_ref(), 64, 5, 3);
}

fn a_login_overtakes_requests_on_all_servers(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four();
    let servers = servers.each_ref();
    superseded::overtaken_requests_are_refused_and_sign_nobody_out(&servers);
    superseded::requests_in_flight_are_kept_or_refused(&servers, 5);
    superseded::a_flash_is_shown_once_despite_a_login(&servers, 5);
    superseded::a_login_that_is_sent_twice_keeps_the_cart(&servers);
}

fn a_rotation_signs_nobody_out_on_any_server(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four_with(&["--rotate", "1ms"]);
    let servers = servers.each_ref();
    rotation::parallel_requests_sign_nobody_out(&servers, 5);
    rotation::lost_response_signs_nobody_out(&servers);
    rotation::first_use_of_the_new_token_ends_the_old_one(&servers);
    rotation::a_renewal_overtakes_both_tokens(&servers);
}

fn a_login_lasts_equally_long_on_all_servers(engine: Engine) {
    let Some(place) = Place::new(engine) else { return };
    let servers = place.start_four_with(&lifetimes::ARGUMENTS);
    let servers = servers.each_ref();
    lifetimes::whoami_has_the_times_of_a_login(&servers);
    lifetimes::remembered_login_outlives_browser_and_timeouts(&servers);
    lifetimes::remembered_login_ends_at_its_time(&servers);
    lifetimes::confirmation_makes_a_login_fresh_again(&servers);
    lifetimes::confirmation_keeps_the_lifetime(&servers);
    lifetimes::expiry_of_one_session_can_be_changed(&servers);
}
