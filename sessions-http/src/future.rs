//! The end of a request in a middleware.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;

use http::Response;
use pin_project_lite::pin_project;
use sessions_core::{Attach, Commit, Error, Exchange};

use crate::error::SessionError;
use crate::head::write;

pin_project! {
    /// Is the response of a handler once its session is committed.
    ///
    /// Where the commit fails, the handler's response is replaced by a bare one of the error's status. A handler that fails or
    /// panics goes on to do so, and its session is committed as for any 5xx response before: data dropped, a destroy and a renewal kept.
    /// Dropped before the handler is done, it commits nothing.
    pub struct ResponseFuture<F: Future> {
        #[pin]
        stage: Stage<F>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F: Future> {
        // The exchange is `None` if a middleware further out commits.
        Handling { #[pin] handler: F, exchange: Option<Exchange> },
        Committing { commit: Commit, ended: Option<thread::Result<F::Output>> },
    }
}

impl<F: Future> ResponseFuture<F> {
    /// Wraps the future of a handler whose request carries the exchange; see [`open`](crate::open).
    pub const fn new(handler: F, exchange: Option<Exchange>) -> Self {
        Self { stage: Stage::Handling { handler, exchange } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        match stage.as_mut().project() {
            StageProjection::Handling { handler, exchange: None } => handler.poll(context),
            StageProjection::Handling { handler, exchange } => {
                let mut ended = ready!(poll_to_the_end(handler, context));
                let exchange = exchange.take().expect("the arm above is for those without one");
                if !exchange.is_untouched() {
                    let mut commit = exchange.commit(status_of(&ended));
                    // Most commits are ready at once, and the response then need not be put aside.
                    match Pin::new(&mut commit).poll(context) {
                        Poll::Ready(committed) => conclude(&mut ended, committed),
                        Poll::Pending => {
                            stage.set(Stage::Committing { commit, ended: Some(ended) });
                            return Poll::Pending;
                        }
                    }
                }
                Poll::Ready(ended.unwrap_or_else(|panic| resume_unwind(panic)))
            }
            StageProjection::Committing { commit, ended } => {
                let committed = ready!(Pin::new(commit).poll(context));
                let mut ended = ended.take().expect("a future is not polled after it was ready");
                conclude(&mut ended, committed);
                Poll::Ready(ended.unwrap_or_else(|panic| resume_unwind(panic)))
            }
        }
    }
}

/// Polls a handler; a panic is an end like any other. Nobody looks at what it leaves behind but the session, whose state is whole after
/// every call.
fn poll_to_the_end<F: Future>(handler: Pin<&mut F>, context: &mut Context<'_>) -> Poll<thread::Result<F::Output>> {
    let mut ended = Poll::Pending;
    match catch_unwind(AssertUnwindSafe(|| ended = handler.poll(context).map(Ok))) {
        Ok(()) => ended,
        Err(panic) => Poll::Ready(Err(panic)),
    }
}

fn status_of<B, E>(ended: &thread::Result<Result<Response<B>, E>>) -> u16 {
    match ended {
        Ok(Ok(response)) => response.status().as_u16(),
        Ok(Err(_)) | Err(_) => 500,
    }
}

/// Writes the outcome of the commit to a response, or puts the error's in its place.
fn conclude<B: Default, E>(ended: &mut thread::Result<Result<Response<B>, E>>, committed: Result<Attach, Error>) {
    match (ended, committed) {
        (Ok(Ok(response)), Ok(attach)) => write(attach, response.headers_mut()),
        (Ok(Ok(response)), Err(error)) => *response = SessionError::from(error).into_response(),
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
