//! Limits of a session, also with many concurrent writes.

use std::panic;
use std::thread;

use crate::{Request, Response, Server, Visitor, each_together, query};

/// Maximum size of a session's record, in bytes.
const RECORD_BYTES: usize = 64 * 1024;

/// Maximum number of entries and flashes of a session together.
const KEYS: usize = 256;

/// Milliseconds between loading and writing, so that all writers have loaded before the first
/// writes.
const PAUSE: &str = "300";

/// Writes 32 entries of 20 kB at once, of which three fit.
///
/// Regression: all 32 (640 kB) were kept when limits were checked before the atomic step.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn parallel_large_writes_respect_the_size_limit(server: &Server) {
    let value = "x".repeat(20_000);
    let put = |key: &str| Request::get(&query("/put", &[("k", key), ("ms", PAUSE), ("v", &value)]));
    assert_eq!(written_at_once(server, 32, &put), RECORD_BYTES / value.len());
}

/// Writes 400 small entries at once.
///
/// Regression: more entries than allowed were kept when the limit was checked before the atomic
/// step.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn parallel_small_writes_respect_the_key_limit(server: &Server) {
    let put = |key: &str| Request::get(&query("/put", &[("k", key), ("ms", PAUSE), ("v", "1")]));
    // One key exists already.
    assert_eq!(written_at_once(server, 400, &put), KEYS - 1);
}

/// Writes `count` entries of 60 kB at once while another visitor is served.
///
/// Regression: when limits were checked before the atomic step, 600 of them made a record of 36 MB.
/// Each write copied all of it, and another visitor waited for seconds.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_flood_of_large_writes_blocks_nobody_else(server: &Server, count: usize) {
    let value = "x".repeat(60_000);
    let put = |key: &str| Request::post_form("/put", &[("k", key), ("ms", PAUSE), ("v", &value)]);
    let served = while_others_are_served(server, || {
        assert_eq!(written_at_once(server, count, &put), RECORD_BYTES / value.len());
    });
    assert!(served > 0, "nobody else was served during the flood");
}

/// Returns the number of writes of another visitor that succeed while `work` runs.
#[track_caller]
fn while_others_are_served(server: &Server, work: impl FnOnce() + Send) -> usize {
    let mut other = server.visitor();
    other.put("mine", "1");
    thread::scope(|scope| {
        let working = scope.spawn(work);
        let mut served = 0;
        while !working.is_finished() {
            other.twin().get("/put?k=mine&v=1&ms=10").expect_text("ok");
            served += 1;
        }
        working.join().unwrap_or_else(|cause| panic::resume_unwind(cause));
        served
    })
}

/// Writes `count` entries at once to a new session and returns how many were kept.
///
/// Expects that the writes with status 200 were kept, and that all others have status 413. `put`
/// makes the request for a key.
#[track_caller]
fn written_at_once(server: &Server, count: usize, put: &(dyn Fn(&str) -> Request + Sync)) -> usize {
    let mut visitor = server.visitor();
    visitor.put("before", "1");
    let answers = each_together(&mut visitor.tabs(count), |index, tab| tab.ask(put(&format!("k{index}"))));
    let mut expected = vec!["before".to_owned()];
    for (index, answer) in answers.into_iter().enumerate() {
        if is_kept(answer) {
            expected.push(format!("k{index}"));
        }
    }
    expected.sort_unstable();
    let kept: Vec<String> = visitor.entries().into_keys().collect();
    assert_eq!(kept, expected, "exactly the writes answered with 200 are kept");
    visitor.put("before", "2");
    kept.len() - 1
}

/// Returns whether a write was accepted. Otherwise it must have been refused for its size.
#[track_caller]
fn is_kept(answer: Response) -> bool {
    let answer = answer.expect_no_cookie();
    assert!(matches!(answer.status(), 200 | 413), "expected 200 or 413, but\n{answer}");
    answer.status() == 200
}

/// Signs in with a name of 200,000 bytes.
///
/// Regression: the name was accepted, and after one of 70,000 bytes every write to the session
/// failed.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_long_principal_is_refused(server: &Server) {
    let mut visitor = server.visitor();
    visitor.put("cart", "3 books");
    for length in [1_025, 70_000, 200_000] {
        let login =
            |visitor: &mut Visitor<'_>| visitor.ask(Request::post_form("/login", &[("user", &"u".repeat(length))]));
        for visitor in [&mut visitor, &mut server.visitor()] {
            login(visitor).expect_status(413).expect_no_cookie();
        }
        assert_eq!(visitor.whoami().user, None);
        visitor.put("cart", "4 books");
    }
    let longest = "u".repeat(1_024);
    visitor.ask(Request::post_form("/login", &[("user", &longest)])).expect_text("ok");
    visitor.expect_user(&longest);
    assert_eq!(visitor.entries()["cart"], "4 books");
}
