//! The end of a request in a middleware.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use sessions_core::adapter::{Commit, CommitError, CommitGuard, Exchange, ExchangeGuard, SessionHeaders};

use crate::complete::complete;
use crate::error::SessionError;
use crate::headers::write;

pin_project! {
    /// The future of a response, which is ready once its session is committed.
    ///
    /// If the commit fails, a bare response with the error's status replaces the handler's; cookies
    /// of another manager's session, from a middleware inside this one, are kept. If the handler
    /// fails without a response or panics, its writes are dropped and a destroy is carried
    /// out first, and the failure or panic is then passed on. A login or renewal is dropped too,
    /// since no response could send its token.
    ///
    /// If it is dropped while the handler runs, because the client disconnected or a timeout layer
    /// cut it off, the handler's writes are dropped but a destroy is still carried out. A commit
    /// that has begun is completed. If the store does not answer at once, a task on the current
    /// tokio runtime waits for it; without a runtime a warning is logged.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F: Future> {
        #[pin]
        stage: Stage<F>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F: Future> {
        // Dropped in this order, so that the handler's destructors run before its exchange is
        // abandoned.
        Handling { #[pin] handler: F, guard: ExchangeGuard },
        Committing { commit: CommitGuard, end: End<F::Output> },
    }
}

/// How a handler ended: with a result or a panic.
struct End<T> {
    answer: Poll<T>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<F: Future> ResponseFuture<F> {
    /// Wraps the future of a handler whose request carries the exchange; see [`open`](crate::open).
    ///
    /// `None` means that an outer middleware commits.
    pub const fn new(handler: F, exchange: Option<Exchange>) -> Self {
        Self { stage: Stage::Handling { handler, guard: ExchangeGuard::new(exchange, complete) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.as_mut().project().stage;
        match stage.as_mut().project() {
            StageProjection::Handling { handler, guard } if guard.is_empty() => handler.poll(context),
            StageProjection::Handling { handler, guard } => {
                // Unwind safe: the handler is not polled again, and the session's state is
                // consistent after every call.
                let mut answer = Poll::Pending;
                let panic = catch_unwind(AssertUnwindSafe(|| answer = handler.poll(context))).err();
                if answer.is_pending() && panic.is_none() {
                    return Poll::Pending;
                }
                // Most commits are ready at once, and the answer need not be stored.
                match guard.take().and_then(|exchange| end(exchange, &answer)).map(Commit::try_ready) {
                    None => {}
                    Some(Ok(result)) => conclude(&mut answer, result),
                    Some(Err(commit)) => {
                        let commit = CommitGuard::new(commit, complete);
                        stage.set(Stage::Committing { commit, end: End { answer, panic } });
                        return self.poll(context);
                    }
                }
                if let Some(panic) = panic {
                    resume_unwind(panic);
                }
                answer
            }
            StageProjection::Committing { commit, end } => {
                let result = ready!(Pin::new(commit).poll(context));
                let mut answer = mem::replace(&mut end.answer, Poll::Pending);
                conclude(&mut answer, result);
                if let Some(panic) = end.panic.take() {
                    resume_unwind(panic);
                }
                answer
            }
        }
    }
}

/// Ends a request. Without a response nothing can send the token of a renewal, so only a destroy is
/// committed then.
fn end<B, E>(exchange: Exchange, answer: &Poll<Result<Response<B>, E>>) -> Option<Commit> {
    match answer {
        Poll::Ready(Ok(response)) => Some(exchange.end(response.status().as_u16())),
        _ => exchange.abandon(),
    }
}

/// Writes the result of the commit to the response, or replaces it with an error response.
fn conclude<B: Default, E>(answer: &mut Poll<Result<Response<B>, E>>, result: Result<SessionHeaders, CommitError>) {
    match (answer, result) {
        (Poll::Ready(Ok(response)), Ok(headers)) => write(headers, response.headers_mut()),
        (Poll::Ready(Ok(response)), Err(error)) => SessionError::from(error).replace(response),
        (_, Err(error)) => SessionError::from(error).log(),
        (_, Ok(_)) => {}
    }
}

impl<F: Future> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Handling { .. } => "ResponseFuture(handling)",
            Stage::Committing { .. } => "ResponseFuture(committing)",
        })
    }
}
