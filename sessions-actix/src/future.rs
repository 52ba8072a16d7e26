//! The response that is being made, and what becomes of its session.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use pin_project_lite::pin_project;
use sessions_core::{Attach, Exchange};

use crate::dropped::{Completing, Running};
use crate::error::SessionError;
use crate::head;

type Response<B> = Result<ServiceResponse<B>, Error>;

pin_project! {
    /// The response of a [`SessionService`](crate::SessionService), which is not given out before
    /// its session is saved.
    ///
    /// Dropped while the handler runs, since its client hung up or a timeout middleware cut it off,
    /// it drops what the handler wrote and still carries out a destroy. A commit that has begun
    /// goes to its end. Where the store does not answer at once, a task on the current runtime
    /// waits for it.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        // Dropped in this order, so that the handler has done what it does before its exchange is
        // abandoned.
        #[pin]
        handler: F,
        stage: Stage<B>,
    }
}

enum Stage<B> {
    /// A middleware further out commits.
    Nested,
    Handling(Running),
    /// The store answers later. Boxed, so that the future is small where it answers at once:
    /// frameworks move their futures about.
    Committing(Box<(Completing, Ended<B>)>),
}

/// What a handler ended with.
type Ended<B> = Result<ServiceResponse<B>, Failure>;

enum Failure {
    /// `status` is that of the response which the error will become.
    Error {
        error: Error,
        status: StatusCode,
    },
    Panic(Box<dyn Any + Send>),
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) fn new(handler: F, exchange: Option<Exchange>) -> Self {
        Self { handler, stage: exchange.map_or(Stage::Nested, |exchange| Stage::Handling(Running::new(exchange))) }
    }
}

impl<F, B> Future for ResponseFuture<F, B>
where
    F: Future<Output = Response<B>>,
    B: MessageBody,
{
    type Output = Response<EitherBody<B>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.stage {
            Stage::Nested => this.handler.poll(context).map_ok(ServiceResponse::map_into_left_body),
            Stage::Handling(running) => {
                let ended = ready!(run(this.handler, context));
                let exchange = running.take().expect("a future is not polled after it was ready");
                if let Some(attach) = exchange.end_if_unchanged() {
                    return Poll::Ready(finish(ended, Ok(attach)));
                }
                let mut commit = exchange.commit(status(&ended));
                if let Poll::Ready(saved) = Pin::new(&mut commit).poll(context) {
                    return Poll::Ready(finish(ended, saved));
                }
                *this.stage = Stage::Committing(Box::new((Completing::new(commit), ended)));
                Poll::Pending
            }
            Stage::Committing(committing) => {
                let saved = ready!(Pin::new(&mut committing.0).poll(context));
                let Stage::Committing(committing) = std::mem::replace(this.stage, Stage::Nested) else {
                    unreachable!("just matched");
                };
                Poll::Ready(finish(committing.1, saved))
            }
        }
    }
}

/// Runs a handler. A panic is held back, so that a logout in it is not lost.
fn run<F, B>(handler: Pin<&mut F>, context: &mut Context<'_>) -> Poll<Ended<B>>
where
    F: Future<Output = Response<B>>,
{
    // Nobody sees what the panic has left half done: the handler is not polled again.
    match catch_unwind(AssertUnwindSafe(|| handler.poll(context))) {
        Ok(polled) => polled.map_err(|error| Failure::Error { status: error.error_response().status(), error }),
        Err(panic) => Poll::Ready(Err(Failure::Panic(panic))),
    }
}

fn status<B>(ended: &Ended<B>) -> u16 {
    match ended {
        Ok(response) => response.status().as_u16(),
        Err(Failure::Error { status, .. }) => status.as_u16(),
        Err(Failure::Panic(_)) => 500,
    }
}

/// Returns the response with what its session needs or, if the session could not be saved, a
/// response that says so.
fn finish<B: MessageBody>(ended: Ended<B>, saved: Result<Attach, sessions_core::Error>) -> Response<EitherBody<B>> {
    match ended {
        Ok(mut response) => match saved {
            Ok(attach) => {
                head::attach(attach, response.headers_mut());
                Ok(response.map_into_left_body())
            }
            Err(error) => Ok(response.error_response(SessionError::from(error)).map_into_right_body()),
        },
        Err(failure) => Err(failure.finish(saved)),
    }
}

impl Failure {
    fn finish(self, saved: Result<Attach, sessions_core::Error>) -> Error {
        match (self, saved.map_err(SessionError::from)) {
            (Self::Error { error, .. }, Ok(attach)) => attach_to_error(attach, error),
            (Self::Error { .. }, Err(error)) => error.into(),
            (Self::Panic(panic), saved) => {
                if let Err(error) = saved {
                    error.log();
                }
                resume_unwind(panic)
            }
        }
    }
}

/// Adds what the session needs to the response that `error` becomes further out.
///
/// It is not made into a [`ServiceResponse`] here: that takes the request, and actix-web panics if
/// a middleware holds a clone of it while a handler is looked up.
fn attach_to_error(attach: Attach, mut error: Error) -> Error {
    if !attach.is_empty() {
        error.add_response_mapper(move |mut response| {
            head::attach(attach.clone(), response.headers_mut());
            response
        });
    }
    error
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
