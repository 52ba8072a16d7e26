//! The counter of visits, as a stream of events that a page follows.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use sessions_core::{ErrorKind, Session};

use super::{Body, Reply, Request, Wait};
use crate::shutdown::until_shutdown;

/// Time between two loads of the session.
const INTERVAL: Duration = Duration::from_secs(1);

/// Starts the stream, or stops the browser with a 204 if there is no session.
pub(super) fn show(request: Request<'_>, session: &Session, wait: Wait) -> Reply {
    if session.is_new() {
        return Reply::status(204);
    }
    let body = match request.method {
        // actix-web would hold the connection until the end of a body, though it sends none.
        "HEAD" => Body::Text(String::new()),
        _ => Body::Visits(Visits { session: session.clone(), wait, sent: None }),
    };
    // An nginx that forwards over HTTP/1.0 would collect the events before it passes them on.
    let headers = vec![("x-accel-buffering", "no".to_owned())];
    Reply { status: 200, content_type: "text/event-stream", headers, body }
}

/// The events of one response: the count of visits, and each change of it.
///
/// They end with the session, and when the demo shuts down. A browser then asks again, with the
/// cookie that it has by now: a login has replaced it, and after a logout there is none.
///
/// The session is loaded anew each second. That works with every store, and shows what other
/// servers write. It does not restart the idle timeout, so a page that is left open ends too.
#[derive(Debug)]
pub struct Visits {
    session: Session,
    wait: Wait,
    /// The count in the latest event, or `None` before the first one.
    sent: Option<i64>,
}

impl Visits {
    /// Returns the next piece of the body, or `None` at its end. The first piece needs no waiting.
    pub async fn next(&mut self) -> Option<String> {
        if self.sent.is_none() {
            // The browser asks again a second after the end.
            return Some(format!("retry: 1000\n{}", self.event()));
        }
        let reload = async {
            (self.wait)(INTERVAL).await;
            self.session.reload().await
        };
        let reloaded = tokio::select! {
            reloaded = reload => reloaded,
            () = until_shutdown() => return None,
        };
        match reloaded {
            Ok(()) if self.sent != Some(self.count()) => Some(self.event()),
            // A server may notice only by writing that its client has left, so it writes a comment.
            Ok(()) => Some(": no change\n\n".to_owned()),
            // Ended or renewed.
            Err(error) if error.kind() == ErrorKind::Gone => None,
            // An outage signs nobody out.
            Err(_) => Some(": try again\n\n".to_owned()),
        }
    }

    /// Returns the body as a stream. Whoever drops it also ends the loading.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        stream::unfold(self, async |mut visits| {
            let piece = visits.next().await?;
            Some((Ok(piece.into()), visits))
        })
    }

    fn event(&mut self) -> String {
        let count = self.count();
        self.sent = Some(count);
        format!("data: {count}\n\n")
    }

    fn count(&self) -> i64 {
        self.session.lenient("visits").i64().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sessions_conformance::{CountingStore, FailingStore, Failure, Verb};
    use sessions_core::store::{MemoryStore, StoreErrorKind};
    use sessions_core::testing::ManualClock;
    use sessions_core::{Login, Sessions};

    use super::*;

    const AT_ONCE: Wait = |_| Box::pin(std::future::ready(()));

    /// Signs somebody in, and returns the cookie.
    async fn cookie(sessions: &Sessions) -> String {
        sessions.issue(Login::new("ann")).await.unwrap().cookie().to_owned()
    }

    /// Returns the stream that a request gets, and its first piece.
    async fn stream(sessions: &Sessions, cookie: &str) -> (Visits, String) {
        let exchange = sessions.open();
        let session = exchange.session([cookie.as_bytes()]).await.unwrap();
        let reply = show(Request::new("GET", "/visits", "", b""), &session, AT_ONCE);
        drop(exchange.end(reply.status).await.unwrap());
        let Body::Visits(mut visits) = reply.body else { panic!("expected a stream, not {reply:?}") };
        let piece = visits.next().await.unwrap();
        (visits, piece)
    }

    async fn count(sessions: &Sessions, cookie: &str) {
        let exchange = sessions.open();
        exchange.session([cookie.as_bytes()]).await.unwrap().increment("visits", 1).unwrap();
        drop(exchange.end(200).await.unwrap());
    }

    #[tokio::test]
    async fn a_change_is_sent_once() {
        let sessions = Sessions::builder().build().unwrap();
        let cookie = cookie(&sessions).await;
        let (mut visits, piece) = stream(&sessions, &cookie).await;
        assert_eq!(piece, "retry: 1000\ndata: 0\n\n");
        count(&sessions, &cookie).await;
        for piece in ["data: 1\n\n", ": no change\n\n", ": no change\n\n"] {
            assert_eq!(visits.next().await.as_deref(), Some(piece));
        }
    }

    #[tokio::test]
    async fn a_piece_costs_one_load() {
        let store = CountingStore::new(MemoryStore::default());
        let sessions = Sessions::builder().store(store.clone()).build().unwrap();
        let cookie = cookie(&sessions).await;
        store.reset();
        // The first one was loaded with the request.
        let (mut visits, _) = stream(&sessions, &cookie).await;
        assert_eq!((store.calls_of(Verb::Load), store.calls()), (1, 1));
        visits.next().await.unwrap();
        assert_eq!((store.calls_of(Verb::Load), store.calls()), (2, 2));
    }

    #[tokio::test]
    async fn an_outage_ends_no_stream() {
        let store = FailingStore::new(MemoryStore::default());
        let sessions = Sessions::builder().store(store.clone()).build().unwrap();
        let cookie = cookie(&sessions).await;
        let (mut visits, _) = stream(&sessions, &cookie).await;
        store.fail(Verb::Load, Failure::before(StoreErrorKind::Unavailable));
        for _ in 0..3 {
            assert_eq!(visits.next().await.as_deref(), Some(": try again\n\n"));
        }
        store.recover();
        count(&sessions, &cookie).await;
        assert_eq!(visits.next().await.as_deref(), Some("data: 1\n\n"));
    }

    #[tokio::test]
    async fn a_stream_ends_when_its_session_expires() {
        let clock = Arc::new(ManualClock::default());
        let idle = Duration::from_secs(60);
        let sessions = Sessions::builder().idle(idle).clock(Arc::clone(&clock)).build().unwrap();
        let cookie = cookie(&sessions).await;
        let (mut visits, _) = stream(&sessions, &cookie).await;
        // Following it does not count as use.
        clock.advance(idle / 2);
        assert!(visits.next().await.is_some());
        clock.advance(idle / 2);
        assert_eq!(visits.next().await, None);
    }
}
