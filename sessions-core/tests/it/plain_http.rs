//! Warnings about `Secure` cookies over plain HTTP, which browsers silently drop.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use sessions_core::{ManualClock, Sessions};
use tracing::{Event, Level, Metadata, Subscriber, span, subscriber};

thread_local! {
    static WARNINGS: Cell<usize> = const { Cell::new(0) };
}

/// A subscriber that counts the warnings of this thread.
struct Warnings;

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target() == "sessions_core"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        WARNINGS.set(WARNINGS.get() + 1);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Returns the number of warnings from one request, which may sign in.
fn warnings(sessions: &Sessions, cookie: &str, origin: &'static str, signs_in: bool) -> usize {
    let page = || Some((origin.as_bytes(), b"myhost.test".as_slice()));
    subscriber::with_default(Warnings, || {
        pollster::block_on(async {
            let exchange = sessions.open();
            let session = exchange.session_from([cookie.as_bytes()], page).await.unwrap();
            if signs_in {
                session.login("iris").unwrap();
            }
            drop(exchange.end(200).await.unwrap());
        });
    });
    WARNINGS.take()
}

const PLAIN: &str = "http://myhost.test";

#[test]
fn a_dropped_cookie_warns_once_a_minute() {
    let clock = Arc::new(ManualClock::default());
    let sessions = Sessions::builder().clock(Arc::clone(&clock)).build().unwrap();
    assert_eq!(warnings(&sessions, "", "https://myhost.test", true), 0);
    assert_eq!(warnings(&sessions, "", PLAIN, false), 0, "no cookie is set");
    assert_eq!(warnings(&sessions, "__Host-id=old", PLAIN, true), 0, "the browser has kept our cookie");
    assert_eq!(warnings(&sessions, "theme=dark", PLAIN, true), 1);
    clock.advance(Duration::from_secs(59));
    assert_eq!(warnings(&sessions, "", PLAIN, true), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(warnings(&sessions, "", PLAIN, true), 1);
}

#[test]
fn an_insecure_cookie_never_warns() {
    let sessions = Sessions::builder().insecure_http().build().unwrap();
    assert_eq!(warnings(&sessions, "", PLAIN, true), 0);
}

#[test]
fn each_manager_warns_separately() {
    for _ in 0..2 {
        let sessions = Sessions::builder().build().unwrap();
        assert_eq!(warnings(&sessions, "", PLAIN, true), 1);
    }
}
