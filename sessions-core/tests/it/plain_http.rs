//! A `Secure` cookie in answer to a request over plain HTTP, which browsers drop without a word.

use std::sync::Arc;
use std::time::Duration;

use sessions_core::{ManualClock, Sessions};

use crate::log::logged;

/// Returns how often one request warns that sends `cookie`, comes from `origin` and signs in, if
/// told so.
fn warnings(sessions: &Sessions, cookie: &str, origin: &'static str, signs_in: bool) -> usize {
    let page = || Some((origin.as_bytes(), b"myhost.test".as_slice()));
    let lines = logged(|| {
        pollster::block_on(async {
            let exchange = sessions.open();
            let session = exchange.session_from([cookie.as_bytes()], page).await.unwrap();
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
fn a_lost_cookie_is_a_warning_once_a_minute() {
    let clock = Arc::new(ManualClock::default());
    let sessions = Sessions::builder().clock(Arc::clone(&clock)).build().unwrap();
    assert_eq!(warnings(&sessions, "", "https://myhost.test", true), 0);
    assert_eq!(warnings(&sessions, "", PLAIN, false), 0, "no cookie is set");
    assert_eq!(warnings(&sessions, "__Host-id=old", PLAIN, true), 0, "the browser keeps our cookies");
    assert_eq!(warnings(&sessions, "theme=dark", PLAIN, true), 1);
    clock.advance(Duration::from_secs(59));
    assert_eq!(warnings(&sessions, "", PLAIN, true), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(warnings(&sessions, "", PLAIN, true), 1);
}

#[test]
fn a_cookie_for_plain_http_is_not_lost() {
    let sessions = Sessions::builder().insecure_http().build().unwrap();
    assert_eq!(warnings(&sessions, "", PLAIN, true), 0);
}

#[test]
fn managers_warn_each_for_itself() {
    for _ in 0..2 {
        let sessions = Sessions::builder().build().unwrap();
        assert_eq!(warnings(&sessions, "", PLAIN, true), 1);
    }
}
