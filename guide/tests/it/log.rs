//! The guide shows every line that the log of `sessions_core` can have, as it is printed.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sessions_conformance::{FailingStore, Failure, Verb};
use sessions_core::adapter::{Exchange, RequestHeader, RequestHeaders};
use sessions_core::store::{MemoryStore, StoreErrorKind};
use sessions_core::testing::ManualClock;
use sessions_core::{Session, SessionId, Sessions};
use tracing_subscriber::filter::LevelFilter;

const GUIDE: &str = include_str!("../../when-a-session-disappears.md");

#[tokio::test]
async fn the_guide_shows_every_line_of_the_log() {
    let log = Log::default();
    let written = log.clone();
    // With one dispatcher, tracing asks that of the thread which first logs a line whether the line
    // is wanted at all. Another test's thread has none, and would silence the line here.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(move || written.clone())
            .finish(),
    );
    cookies_that_open_no_session().await;
    sessions_that_end().await;
    writes_that_fail().await;
    let (shown, printed) = (shown(), log.lines());
    let missing: Vec<_> = printed.difference(&shown).collect();
    let never_printed: Vec<_> = shown.difference(&printed).collect();
    assert!(missing.is_empty() && never_printed.is_empty(), "missing: {missing:#?}\nnever printed: {never_printed:#?}");
}

/// The lines of the guide's one block of text.
fn shown() -> BTreeSet<String> {
    let (_, block) = GUIDE.split_once("```text\n").unwrap();
    let (block, _) = block.split_once("\n```").unwrap();
    block.lines().map(str::to_owned).collect()
}

async fn cookies_that_open_no_session() {
    let clock = Arc::new(ManualClock::default());
    let store = FailingStore::new(MemoryStore::default());
    let sessions =
        Sessions::builder().clock(Arc::clone(&clock)).store(store.clone()).sweep_every(None).build().unwrap();
    let (ann, eve) = (signed_in(&sessions).await, signed_in(&sessions).await);
    let nine: Vec<String> = nine_tokens().await;

    for cookies in ["", "theme=dark", "__Host-id=made-up", &nine[0], &nine.join("; "), &format!("{ann}; {eve}")] {
        assert!(request(&sessions, cookies).await.1.is_new());
    }
    assert!(sessions.open().session_from(&ForeignPost(ann.clone())).await.is_err());
    let with_bearer = Sessions::builder().bearer(true).build().unwrap();
    assert!(with_bearer.open().session_from(&TwoTokens(ann.clone())).await.is_err());
    for kind in [StoreErrorKind::Unreadable, StoreErrorKind::NewerFormat] {
        store.fail(Verb::Load, Failure::before(kind));
        assert!(request(&sessions, &ann).await.1.is_new());
    }
    store.fail(Verb::Load, Failure::before(StoreErrorKind::Unavailable));
    assert!(sessions.open().session([ann.as_bytes()]).await.is_err());
    store.recover();

    let (exchange, session) = request(&sessions, &ann).await;
    session.renew();
    let renewed = answer(exchange).await;
    assert!(request(&sessions, &ann).await.1.is_new());
    clock.advance(Duration::from_secs(60));
    assert!(request(&sessions, &ann).await.1.is_new());
    clock.advance(Duration::from_secs(86_400));
    assert!(request(&sessions, &renewed).await.1.is_new());
}

async fn sessions_that_end() {
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().clock(Arc::clone(&clock)).sweep_every(None);
    let sessions = builder.store(MemoryStore::builder().max_sessions(1).build()).build().unwrap();
    for _ in 0..2 {
        let (exchange, session) = request(&sessions, "").await;
        session.set("k", "v").unwrap();
        answer(exchange).await;
    }
    clock.advance(Duration::from_secs(86_400));
    sessions.sweep(10).await.unwrap();

    let cookie = signed_in(&sessions).await;
    let (exchange, session) = request(&sessions, &cookie).await;
    session.destroy();
    answer(exchange).await;
    signed_in(&sessions).await;
    sessions.destroy_principal("ann").await.unwrap();
    let one_each = Sessions::builder().sessions_per_principal(1).build().unwrap();
    for _ in 0..2 {
        signed_in(&one_each).await;
    }
    signed_in(&sessions).await;
    sessions.destroy_all().await.unwrap();
}

async fn writes_that_fail() {
    let sessions = Sessions::builder().build().unwrap();
    let cookie = signed_in(&sessions).await;
    let (exchange, session) = request(&sessions, &cookie).await;
    session.set("cart", "3 books").unwrap();
    answer(exchange).await;

    let (exchange, session) = request(&sessions, &cookie).await;
    session.get::<u32>("cart").unwrap_err();
    answer(exchange).await;
    session.set("cart", "in a stream").unwrap();
    drop(session);

    let (late, session) = request(&sessions, &cookie).await;
    sessions.destroy_principal("ann").await.unwrap();
    session.set("cart", "late").unwrap();
    late.end(200).await.unwrap_err();
}

/// A form that another site posted, with a cookie.
struct ForeignPost(String);

impl RequestHeaders for ForeignPost {
    fn method(&self) -> &str {
        "POST"
    }

    fn target(&self) -> &str {
        "/"
    }

    fn authority(&self) -> Option<&str> {
        None
    }

    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]> {
        let value = match header {
            RequestHeader::Cookie => Some(self.0.as_bytes()),
            RequestHeader::SecFetchSite => Some(&b"cross-site"[..]),
            _ => None,
        };
        value.into_iter()
    }
}

/// A request with a cookie and a bearer token.
struct TwoTokens(String);

impl RequestHeaders for TwoTokens {
    fn method(&self) -> &str {
        "GET"
    }

    fn target(&self) -> &str {
        "/"
    }

    fn authority(&self) -> Option<&str> {
        None
    }

    fn values(&self, header: RequestHeader) -> impl Iterator<Item = &[u8]> {
        let value = match header {
            RequestHeader::Cookie => Some(self.0.as_bytes()),
            RequestHeader::Authorization => Some(&b"Bearer other"[..]),
            _ => None,
        };
        value.into_iter()
    }
}

async fn request(sessions: &Sessions, cookies: &str) -> (Exchange, Session) {
    let exchange = sessions.open();
    let session = exchange.session([cookies.as_bytes()]).await.unwrap();
    (exchange, session)
}

/// Answers a request, and returns the cookie that its browser then has.
async fn answer(exchange: Exchange) -> String {
    let set_cookie = exchange.end(200).await.unwrap().take_set_cookie().unwrap_or_default();
    set_cookie.split(';').next().unwrap().to_owned()
}

async fn signed_in(sessions: &Sessions) -> String {
    let (exchange, session) = request(sessions, "").await;
    session.login("ann").unwrap();
    answer(exchange).await
}

/// Returns nine tokens of another manager's sessions.
async fn nine_tokens() -> Vec<String> {
    let elsewhere = Sessions::builder().build().unwrap();
    let mut tokens = Vec::new();
    for _ in 0..9 {
        tokens.push(signed_in(&elsewhere).await);
    }
    tokens
}

/// What was logged.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Returns the lines of `sessions_core`, each once, with a mark in place of each id.
    fn lines(&self) -> BTreeSet<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        text.lines().filter(|line| line.contains(" sessions_core: ")).map(without_id).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn without_id(line: &str) -> String {
    let Some((before, rest)) = line.split_once("id=") else { return line.to_owned() };
    let (id, after) = rest.split_at_checked(rest.find(' ').unwrap_or(rest.len())).unwrap();
    assert!(id.parse::<SessionId>().is_ok(), "{line}");
    format!("{before}id=…{after}")
}
