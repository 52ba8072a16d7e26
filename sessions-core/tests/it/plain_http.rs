//! Warnings about `Secure` cookies over plain HTTP, which browsers silently drop.

use std::sync::Arc;
use std::time::Duration;

use sessions_core::Sessions;
use sessions_core::adapter::RequestHeader;
use sessions_core::testing::ManualClock;

use crate::log::logged;
use crate::support::Fake;

/// Returns the number of warnings from one request, which may sign in.
fn warnings(sessions: &Sessions, cookie: &str, origin: &'static str, signs_in: bool) -> usize {
    let request = Fake::get("/").with(&[
        (RequestHeader::Cookie, cookie),
        (RequestHeader::Origin, origin),
        (RequestHeader::Host, "myhost.test"),
    ]);
    let lines = logged(|| {
        pollster::block_on(async {
            let exchange = sessions.open();
            let session = exchange.session_from(&request).await.unwrap();
            if signs_in {
                session.login("iris").unwrap();
            }
            drop(exchange.end(200).await.unwrap());
        });
    });
    lines.iter().filter(|line| line.starts_with("WARN ")).count()
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
    let sessions = Sessions::builder().secure(false).build().unwrap();
    assert_eq!(warnings(&sessions, "", PLAIN, true), 0);
}

#[test]
fn each_manager_warns_separately() {
    for _ in 0..2 {
        let sessions = Sessions::builder().build().unwrap();
        assert_eq!(warnings(&sessions, "", PLAIN, true), 1);
    }
}
