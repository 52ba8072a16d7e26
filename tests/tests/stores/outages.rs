//! Redis is gone, restarted, emptied or paused while visitors ask.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sessions_tests::{Framework, Options, PATIENCE, Response, Server, Visitor, in_every_framework};
use test_servers::Options as Redis;

in_every_framework! {
    while_redis_is_gone_nothing_is_lost,
    a_restart_under_load_loses_no_session,
    a_redis_that_comes_back_empty_knows_nobody,
    a_flush_under_load_makes_strangers_and_no_failures,
    forgotten_scripts_are_sent_again,
    a_pause_delays_or_refuses_and_ends_nothing,
}

fn start(framework: Framework, redis: &test_servers::Server) -> Server {
    Options::new(framework).store(&redis.url()).start()
}

#[track_caller]
fn expect_unavailable(answer: Response) {
    let answer = answer.expect_status(503).expect_no_cookie();
    let seconds = answer.field("Retry-After").and_then(|value| value.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "expected Retry-After, but\n{answer}");
}

/// Asks until the store answers again. Whoever is refused keeps the cookie.
#[track_caller]
fn wait_for(visitor: &mut Visitor<'_>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = visitor.get("/whoami");
        if answer.status() == 200 {
            return;
        }
        expect_unavailable(answer);
        assert!(Instant::now() < deadline, "the store does not come back");
    }
}

/// Has visitors with these cookies ask while `work` is done, checks each of their answers, and returns how many there were.
fn under_load(server: &Server, tokens: &[String], check: impl Fn(Response) + Sync, work: impl FnOnce()) -> usize {
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let asking: Vec<_> = (tokens.iter())
            .map(|token| {
                let (is_over, answers, check) = (&is_over, &answers, &check);
                scope.spawn(move || {
                    for target in ["/get/", "/put?k=load&v=1", "/incr?k=load.n", "/whoami"].iter().cycle() {
                        check(server.visitor_with(token).get(target));
                        answers.fetch_add(1, Ordering::SeqCst);
                        if is_over.load(Ordering::SeqCst) {
                            return;
                        }
                    }
                })
            })
            .collect();
        // Each has begun before anything happens, and goes on after it.
        wait_until(|| {
            answers.load(Ordering::SeqCst) >= 4 * tokens.len() || asking.iter().any(|asker| asker.is_finished())
        });
        work();
        let before = answers.load(Ordering::SeqCst);
        wait_until(|| {
            answers.load(Ordering::SeqCst) >= before + 4 * tokens.len()
                || asking.iter().any(|asker| asker.is_finished())
        });
        is_over.store(true, Ordering::SeqCst);
    });
    answers.into_inner()
}

fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "the load stands still");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Signs visitors in, each with an entry, and returns their cookies.
fn signed_in(server: &Server, count: usize) -> Vec<String> {
    let sign_in = |number: usize| {
        let mut visitor = server.signed_in(&format!("user-{number}"));
        visitor.put("mine", &number.to_string());
        visitor.token()
    };
    (0..count).map(sign_in).collect()
}

#[track_caller]
fn expect_kept(server: &Server, tokens: &[String]) {
    for (number, token) in tokens.iter().enumerate() {
        let mut visitor = server.visitor_with(token);
        visitor.expect_user(&format!("user-{number}"));
        assert_eq!(visitor.entries()["mine"], number.to_string());
    }
}

/// Expects that the cookies open nothing, and are not taken over by a new session.
#[track_caller]
fn expect_strangers(server: &Server, tokens: &[String]) {
    for token in tokens {
        let mut visitor = server.visitor_with(token);
        visitor.expect_anonymous();
        visitor.put("fresh", "1");
        assert_ne!(visitor.token(), *token, "a cookie of before was adopted");
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
        visitor.get("/").expect_ok().expect_no_cookie();
    }
    // Whoever has no session can look; there is nothing to load.
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

fn a_redis_that_comes_back_empty_knows_nobody(framework: Framework) {
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

fn a_flush_under_load_makes_strangers_and_no_failures(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let redis = Redis::new().start();
    let server = start(framework, &redis);
    let tokens = signed_in(&server, 4);
    // A write finds its session gone at the moment of the flush: 401. Nothing fails.
    let check = |answer: Response| {
        assert!(matches!(answer.status(), 200 | 401), "expected 200 or 401, but\n{answer}");
        let given = answer.set_cookies().iter().any(|cookie| tokens.iter().any(|token| cookie.value() == token));
        assert!(!given, "a cookie of before was given again:\n{answer}");
    };
    under_load(&server, &tokens, check, || assert_eq!(redis.cli(&["FLUSHALL"]), "OK"));
    expect_strangers(&server, &tokens);
    server.signed_in("ann").expect_user("ann");
}

fn forgotten_scripts_are_sent_again(framework: Framework) {
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

fn a_pause_delays_or_refuses_and_ends_nothing(framework: Framework) {
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
        assert!(asked.elapsed() < Duration::from_millis(400), "what needs no session waited {:?}", asked.elapsed());
        expect_unavailable(server.visitor_with(&tokens[0]).get("/get/"));
        assert!(asked.elapsed() < Duration::from_secs(2), "a load waited {:?}", asked.elapsed());
        wait_for(&mut server.visitor_with(&tokens[0]));
    });
    expect_kept(&server, &tokens);
}
