//! A full memory store: anonymous sessions are evicted, signed-in ones never.

use sessions_tests::{Framework, Options, Visitor, in_every_framework};

in_every_framework! {
    an_anonymous_flood_evicts_no_signed_in_session,
    a_store_full_of_users_refuses_new_ones,
}

fn an_anonymous_flood_evicts_no_signed_in_session(framework: Framework) {
    let server = Options::new(framework).argument("--sessions-max").argument("100").start();
    let mut users: Vec<Visitor<'_>> = (0..20).map(|index| server.signed_in(&format!("user-{index}"))).collect();
    let mut tokens = Vec::new();
    let mut visitor = server.visitor();
    for _ in 0..1_000 {
        let mut stranger = server.visitor();
        std::mem::swap(&mut stranger, &mut visitor);
        visitor = server.visitor();
        visitor.get("/set").expect_ok();
        tokens.push(visitor.token());
    }
    for (index, user) in users.iter_mut().enumerate() {
        user.expect_user(&format!("user-{index}"));
    }
    visitor.get("/get").expect_name("iris");
    let alive = tokens.iter().filter(|token| server.visitor_with(token).whoami().id.is_some()).count();
    assert!((1..=80).contains(&alive), "{alive} anonymous sessions are live with 20 users and a limit of 100");
}

fn a_store_full_of_users_refuses_new_ones(framework: Framework) {
    let server = Options::new(framework).argument("--sessions-max").argument("50").start();
    let mut users = Vec::new();
    let mut refused = 0;
    for index in 0..200 {
        let mut visitor = server.visitor();
        let answer = visitor.get(&format!("/login?user=user-{index}"));
        match answer.status() {
            200 => users.push((index, visitor)),
            503 => {
                answer.expect_no_cookie();
                refused += 1;
            }
            _ => panic!("expected 200 or 503, but\n{answer}"),
        }
    }
    assert!(refused >= 150, "{} users signed in with a limit of 50 sessions", users.len());
    assert!(!users.is_empty(), "nobody could sign in");
    for (index, user) in &mut users {
        user.expect_user(&format!("user-{index}"));
    }
    server.visitor().get("/set").expect_status(503).expect_no_cookie();
    server.visitor().get("/get").expect_name("");
    // A logout makes room for another login.
    users[0].1.get("/logout").expect_ok();
    let _ = server.signed_in("late");
}
