//! Expectations on servers whose store is temporarily unavailable, and on their visitors.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sessions_tests::{PATIENCE, Response, Server, Visitor};
use test_servers::RaiseOnDrop;

#[track_caller]
pub(crate) fn expect_unavailable(answer: Response) {
    let answer = answer.expect_status(503).expect_no_cookie();
    let seconds = answer.field("Retry-After").and_then(|value| value.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "expected Retry-After, but\n{answer}");
}

/// Sends requests until the store responds again. A refused visitor keeps the cookie.
#[track_caller]
pub(crate) fn wait_for(visitor: &mut Visitor<'_>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = visitor.get("/whoami");
        if answer.status() == 200 {
            return;
        }
        expect_unavailable(answer);
        assert!(Instant::now() < deadline, "the store does not recover");
    }
}

/// Sends requests with these cookies while `work` runs, checks each response, and returns their
/// number.
pub(crate) fn under_load(
    server: &Server,
    tokens: &[String],
    check: impl Fn(Response) + Sync,
    work: impl FnOnce(),
) -> usize {
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _over = RaiseOnDrop(&is_over);
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
        // Each visitor has sent a request before `work` starts, and sends more after it.
        wait_until(|| {
            answers.load(Ordering::SeqCst) >= 4 * tokens.len() || asking.iter().any(|asker| asker.is_finished())
        });
        work();
        let before = answers.load(Ordering::SeqCst);
        wait_until(|| {
            answers.load(Ordering::SeqCst) >= before + 4 * tokens.len()
                || asking.iter().any(|asker| asker.is_finished())
        });
    });
    answers.into_inner()
}

pub(crate) fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "no more requests are answered");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Signs visitors in, each with an entry, and returns their cookies.
pub(crate) fn signed_in(server: &Server, count: usize) -> Vec<String> {
    let sign_in = |number: usize| {
        let mut visitor = server.signed_in(&format!("user-{number}"));
        visitor.put("mine", &number.to_string());
        visitor.token()
    };
    (0..count).map(sign_in).collect()
}

#[track_caller]
pub(crate) fn expect_kept(server: &Server, tokens: &[String]) {
    for (number, token) in tokens.iter().enumerate() {
        let mut visitor = server.visitor_with(token);
        visitor.expect_user(&format!("user-{number}"));
        assert_eq!(visitor.entries()["mine"], number.to_string());
    }
}
