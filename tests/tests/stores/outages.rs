//! Redis is stopped, restarted, emptied or paused while visitors send requests.

use std::thread;
use std::time::{Duration, Instant};

use sessions_tests::{Framework, Options, Response, Server, Visitor, in_every_framework, together};
use test_servers::{Options as Redis, Proxy};

use crate::expectations::{expect_kept, expect_unavailable, signed_in, under_load, wait_for, wait_until};

in_every_framework! {
    while_redis_is_gone_nothing_is_lost,
    a_restart_under_load_loses_no_session,
    an_emptied_redis_opens_no_session,
    a_flush_under_load_fails_no_reader,
    flushed_scripts_are_loaded_again,
    a_pause_ends_no_session,
    a_silent_network_costs_deadlines_and_blocks_nobody,
}

fn start(framework: Framework, redis: &test_servers::Server) -> Server {
    Options::new(framework).store(&redis.url()).start()
}

/// Expects that the cookies open no session, and that no new session has their tokens.
#[track_caller]
fn expect_strangers(server: &Server, tokens: &[String]) {
    for token in tokens {
        let mut visitor = server.visitor_with(token);
        visitor.expect_anonymous();
        visitor.put("fresh", "1");
        assert_ne!(visitor.token(), *token, "an earlier cookie was adopted");
        assert_eq!(visitor.entries(), [("fresh".to_owned(), "1".to_owned())].into());
        assert_eq!(visitor.whoami().user, None);
        server.visitor_with(token).expect_anonymous();
    }
}

fn while_redis_is_gone_nothing_is_lost(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let mut redis = Redis::new().durable().start();
    let server = start(framework, &redis);
    let tokens = signed_in(&server, 3);
    redis.kill();
    for token in &tokens {
        let mut visitor = server.visitor_with(token);
        for target in ["/get/", "/whoami", "/put?k=mine&v=lost", "/incr?k=n", "/login?user=eve", "/logout", "/destroy/"]
        {
            expect_unavailable(visitor.get(target));
        }
        visitor.get("/plain").expect_text("ok").expect_no_cookie();
    }
    // A visitor without a session needs nothing from the store.
    server.visitor().get("/get/").expect_text("{}").expect_no_cookie();
    expect_unavailable(server.visitor().get("/set"));
    expect_unavailable(server.visitor().get("/login?user=eve"));
    redis.restart();
    wait_for(&mut server.visitor_with(&tokens[0]));
    expect_kept(&server, &tokens);
    let _ = server.signed_in("eve");
}

fn a_restart_under_load_loses_no_session(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let mut redis = Redis::new().durable().start();
    let server = start(framework, &redis);
    let tokens = signed_in(&server, 4);
    let check = |answer: Response| match answer.status() {
        200 => drop(answer.expect_no_cookie()),
        _ => expect_unavailable(answer),
    };
    under_load(&server, &tokens, check, || {
        redis.kill();
        wait_until(|| server.visitor_with(&tokens[0]).get("/whoami").status() == 503);
        server.visitor().get("/plain").expect_text("ok");
        redis.restart();
        wait_for(&mut server.visitor_with(&tokens[0]));
    });
    expect_kept(&server, &tokens);
}

fn an_emptied_redis_opens_no_session(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let mut redis = Redis::new().start();
    let server = start(framework, &redis);
    let tokens = signed_in(&server, 4);
    redis.kill();
    redis.restart();
    wait_for(&mut server.visitor_with(&tokens[0]));
    expect_strangers(&server, &tokens);
    server.signed_in("ann").expect_user("ann");
}

fn a_flush_under_load_fails_no_reader(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let redis = Redis::new().start();
    let server = start(framework, &redis);
    let tokens = signed_in(&server, 4);
    // A write during the flush is refused with 401, since its session is gone. No other request
    // fails.
    let check = |answer: Response| {
        assert!(matches!(answer.status(), 200 | 401), "expected 200 or 401, but\n{answer}");
        let given = answer.set_cookies().iter().any(|cookie| tokens.iter().any(|token| cookie.value() == token));
        assert!(!given, "an earlier cookie was issued again:\n{answer}");
    };
    under_load(&server, &tokens, check, || assert_eq!(redis.cli(&["FLUSHALL"]), "OK"));
    expect_strangers(&server, &tokens);
    server.signed_in("ann").expect_user("ann");
}

fn flushed_scripts_are_loaded_again(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let redis = Redis::new().start();
    let server = start(framework, &redis);
    let tokens = signed_in(&server, 4);
    let check = |answer: Response| drop(answer.expect_ok().expect_no_cookie());
    under_load(&server, &tokens, check, || {
        (0..5).for_each(|_| assert_eq!(redis.cli(&["SCRIPT", "FLUSH"]), "OK"));
    });
    expect_kept(&server, &tokens);
}

fn a_pause_ends_no_session(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let redis = Redis::new().start();
    let server = start(framework, &redis);
    let tokens = signed_in(&server, 4);
    let check = |answer: Response| match answer.status() {
        200 => drop(answer.expect_no_cookie()),
        _ => expect_unavailable(answer),
    };
    under_load(&server, &tokens, check, || {
        assert_eq!(redis.cli(&["CLIENT", "PAUSE", "2500", "ALL"]), "OK");
        let asked = Instant::now();
        server.visitor().get("/plain").expect_text("ok");
        server.visitor().get("/get/").expect_text("{}");
        assert!(
            asked.elapsed() < Duration::from_millis(400),
            "a request without a session waited {:?}",
            asked.elapsed()
        );
        expect_unavailable(server.visitor_with(&tokens[0]).get("/get/"));
        assert!(asked.elapsed() < Duration::from_secs(2), "a load waited {:?}", asked.elapsed());
        wait_for(&mut server.visitor_with(&tokens[0]));
    });
    expect_kept(&server, &tokens);
}

/// The demo has one worker thread. Connections to Redis stay open and new ones are accepted, but no
/// byte gets through.
fn a_silent_network_costs_deadlines_and_blocks_nobody(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let redis = Redis::new().start();
    let proxy = Proxy::to(redis.port());
    let server = Options::new(framework).store(&proxy.url()).on_one_core().start();
    let tokens = signed_in(&server, 6);
    let time = |mut visitor: Visitor<'_>, target: &str| {
        let asked = Instant::now();
        expect_unavailable(visitor.get(target));
        asked.elapsed()
    };
    for round in ["the connections that were open", "new ones"] {
        proxy.swallow();
        thread::scope(|scope| {
            let ask = |visitor, target| scope.spawn(move || time(visitor, target));
            let loads: Vec<_> = tokens.iter().map(|token| ask(server.visitor_with(token), "/get/")).collect();
            let creates: Vec<_> = (0..6).map(|_| ask(server.visitor(), "/set")).collect();
            let mut others = Vec::new();
            while loads.iter().chain(&creates).any(|asking| !asking.is_finished()) {
                let asked = Instant::now();
                server.visitor().get("/plain").expect_text("ok");
                others.push(asked.elapsed());
                thread::sleep(Duration::from_millis(5));
            }
            let longest = others.iter().max().expect("somebody asked meanwhile");
            assert!(*longest < Duration::from_millis(400), "a request without a session waited {longest:?}: {round}");
            for (asking, deadline) in [(loads, 500), (creates, 1000)] {
                for asking in asking {
                    let took = asking.join().expect("the answer is as expected");
                    assert!(took < Duration::from_millis(deadline + 700), "waited {took:?} of {deadline} ms: {round}");
                }
            }
        });
    }
    proxy.heal();
    wait_for(&mut server.visitor_with(&tokens[0]));
    expect_kept(&server, &tokens);
    together(16, |number| drop(server.visitor_with(&tokens[number % 6]).put(&format!("k{number}"), "1")));
}
