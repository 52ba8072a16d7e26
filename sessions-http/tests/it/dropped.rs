//! Dropped requests: clients that disconnect, and a timeout layer around the middleware.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use sessions_core::Sessions;
use sessions_http::{SessionError, SessionsExt, session};

use crate::log::logged;
use crate::support::{Answer, Mood, TestStore, manager_and_store, request_after, serve, sign_in};

/// What a request does before it is dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Deed {
    Write,
    Destroy,
    /// A write, then a destroy that the handler saves.
    SaveDestroy,
}

impl Deed {
    async fn done(self, request: &Request<()>) -> Result<(), SessionError> {
        let session = session(request).await?;
        session.set("written", &true)?;
        match self {
            Self::Write => {}
            Self::Destroy => session.destroy(),
            Self::SaveDestroy => {
                session.destroy();
                session.save().await?;
            }
        }
        Ok(())
    }
}

/// Polls a future until it waits, and drops it there.
fn drop_midway<T>(future: impl Future<Output = T>) {
    let mut future = pin!(future);
    for _ in 0..3 {
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
}

/// Runs the runtime's tasks until the store has received the expected calls.
async fn settle(store: &TestStore) {
    while store.held() > 0 {
        store.let_one_through();
        tokio::task::yield_now().await;
    }
}

/// Returns what remains of the session: `None` if it has ended, else whether it was written to.
async fn left(sessions: &Sessions, signed_in: &Response<String>) -> Option<bool> {
    let session = sessions.start(&request_after(signed_in)).await.unwrap();
    session.principal().map(|_| session.contains("written"))
}

#[tokio::test]
async fn dropped_handler_destroys_but_writes_nothing() {
    for (mood, deed, expected) in [
        (Mood::AtOnce, Deed::Write, Some(false)),
        (Mood::AtOnce, Deed::Destroy, None),
        (Mood::Later, Deed::Write, Some(false)),
        (Mood::Later, Deed::Destroy, None),
        (Mood::Later, Deed::SaveDestroy, None),
    ] {
        let (sessions, store) = manager_and_store();
        let signed_in = sign_in(&sessions).await;
        let handler = async |request: Request<()>| {
            // The load is answered at once, so that the handler gets this far.
            let started = session(&request).await?;
            store.set(mood);
            deed.done(&request).await?;
            drop(started);
            pending::<Answer>().await
        };
        drop_midway(serve(&sessions, request_after(&signed_in), handler));
        settle(&store).await;
        store.set(Mood::AtOnce);
        assert_eq!(left(&sessions, &signed_in).await, expected, "{mood:?} {deed:?}");
    }
}

#[tokio::test]
async fn begun_commit_is_completed() {
    for (deed, expected) in [(Deed::Write, Some(true)), (Deed::Destroy, None)] {
        let (sessions, store) = manager_and_store();
        let signed_in = sign_in(&sessions).await;
        let handler = async |request: Request<()>| {
            deed.done(&request).await?;
            store.set(Mood::Later);
            Answer::Ok(Response::default())
        };
        drop_midway(serve(&sessions, request_after(&signed_in), handler));
        settle(&store).await;
        store.set(Mood::AtOnce);
        assert_eq!(left(&sessions, &signed_in).await, expected, "{deed:?}");
    }
}

#[tokio::test]
async fn begun_explicit_call_is_completed() {
    let (sessions, store) = manager_and_store();
    let signed_in = sign_in(&sessions).await;
    let mut response = Response::new(());
    {
        let request = request_after(&signed_in);
        let mut destroying = pin!(sessions.destroy(&request, &mut response));
        store.set(Mood::Later);
        let mut is_loaded = false;
        poll_fn(|context| {
            assert!(destroying.as_mut().poll(context).is_pending());
            if std::mem::replace(&mut is_loaded, true) {
                return Poll::Ready(());
            }
            store.let_one_through();
            Poll::Pending
        })
        .await;
    }
    settle(&store).await;
    store.set(Mood::AtOnce);
    assert_eq!(left(&sessions, &signed_in).await, None);
}

#[test]
fn without_a_runtime_a_late_destroy_warns() {
    for (mood, is_carried_out) in [(Mood::AtOnce, true), (Mood::Later, false)] {
        let (sessions, store) = manager_and_store();
        let signed_in = store.drive(sign_in(&sessions));
        let log = logged(|| {
            let handler = async |request: Request<()>| {
                Deed::Destroy.done(&request).await?;
                store.set(mood);
                pending::<Answer>().await
            };
            drop_midway(serve(&sessions, request_after(&signed_in), handler));
        });
        store.set(Mood::AtOnce);
        assert_eq!(store.drive(left(&sessions, &signed_in)).is_none(), is_carried_out);
        let warns = log
            .lines()
            .any(|line| line.contains(" WARN sessions_http: ") && line.contains("cannot complete the commit"));
        assert_eq!(warns, !is_carried_out, "{log}");
    }
}

#[test]
fn failed_destroy_of_a_dropped_request_is_logged() {
    let (sessions, store) = manager_and_store();
    let signed_in = store.drive(sign_in(&sessions));
    let log = logged(|| {
        let handler = async |request: Request<()>| {
            Deed::Destroy.done(&request).await?;
            store.set(Mood::FailsToWrite);
            pending::<Answer>().await
        };
        drop_midway(serve(&sessions, request_after(&signed_in), handler));
    });
    assert!(log.lines().any(|line| line.contains("ERROR sessions_http: ")), "{log}");
}
