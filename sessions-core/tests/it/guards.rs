//! Requests that are dropped early, and the guards of adapters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;

use pollster::block_on;
use sessions_core::adapter::{Commit, CommitGuard, ExchangeGuard};

use crate::support::{Fixture, poll};

/// Drives a commit to completion, as an adapter's runtime does.
fn complete(commit: Commit) {
    drop(block_on(commit).unwrap());
}

#[test]
fn guard_of_a_dropped_request_logs_out() {
    for fixture in [Fixture::new(), Fixture::late()] {
        let mut browser = fixture.browser();
        browser.set("k", "v");
        let session = browser.start();
        session.destroy();
        let guard = ExchangeGuard::new(Some(session.exchange()), complete);
        assert!(!guard.is_empty());
        drop(guard);
        assert_eq!(fixture.count(), 0);
    }
}

#[test]
fn taken_exchange_is_not_abandoned() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "before");
    let session = browser.start();
    session.set("k", "after").unwrap();
    let mut guard = ExchangeGuard::new(Some(session.exchange()), complete);
    let exchange = guard.take().unwrap();
    assert!(guard.is_empty() && guard.take().is_none());
    drop(guard);
    drop(block_on(exchange.end(200)).unwrap());
    assert_eq!(browser.get("k").as_deref(), Some("after"));
    assert!(ExchangeGuard::new(None, complete).is_empty());
}

/// Begins a commit of a destroy and a create. The create waits for the answer to the destroy.
fn commit_of_two_operations(fixture: &Fixture) -> Pin<Box<CommitGuard>> {
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let session = browser.start();
    session.destroy();
    session.set_flash("bye", "see you").unwrap();
    let mut guard = Box::pin(CommitGuard::new(session.exchange().end(200), complete));
    assert!(poll(guard.as_mut()).is_pending());
    guard
}

#[test]
fn dropped_commit_is_completed() {
    for is_dropped in [false, true] {
        let fixture = Fixture::late();
        let guard = commit_of_two_operations(&fixture);
        assert_eq!(fixture.count(), 0);
        if is_dropped {
            drop(guard);
        } else {
            assert!(!block_on(guard).unwrap().is_empty());
        }
        assert_eq!(fixture.count(), 1);
    }
}

/// Regression: the guard polled the commit once more when it was dropped, and the second panic
/// aborted the process.
#[test]
fn commit_is_not_polled_after_a_panic() {
    let fixture = Fixture::late();
    let mut guard = commit_of_two_operations(&fixture);
    // The store panics at the second operation.
    fixture.store.panics.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(guard.as_mut()))).is_err());
    drop(guard);
}
