//! The response future of the middleware.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use pin_project_lite::pin_project;
use sessions_core::adapter::{Commit, CommitError, CommitGuard, Exchange, ExchangeGuard, SessionHeaders};

use crate::complete::complete;
use crate::error::SessionError;
use crate::headers::write;

type Response<B> = Result<ServiceResponse<B>, Error>;

pin_project! {
    /// The future of a response, which is ready once its session is committed.
    ///
    /// If it is dropped while the handler runs, because the client disconnected or a timeout
    /// middleware cut it off, the handler's writes are dropped but a destroy is still carried out.
    /// A commit that has begun is completed. If the store does not answer at once, a task on the
    /// current runtime waits for it.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        // Dropped in this order, so that the handler's destructors run before its exchange is
        // abandoned.
        #[pin]
        handler: F,
        stage: Stage<B>,
    }
}

enum Stage<B> {
    /// An outer middleware commits.
    Nested,
    Handling(ExchangeGuard),
    /// The store does not answer at once. Boxed to keep the future small when it does: frameworks
    /// move their futures.
    Committing(Box<(CommitGuard, Ended<B>)>),
}

/// The result of a handler.
type Ended<B> = Result<ServiceResponse<B>, Failure>;

enum Failure {
    /// `status` is the status of the response that the error will become.
    Error {
        error: Error,
        status: StatusCode,
    },
    Panic(Box<dyn Any + Send>),
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) fn new(handler: F, exchange: Option<Exchange>) -> Self {
        let stage = match exchange {
            Some(exchange) => Stage::Handling(ExchangeGuard::new(Some(exchange), complete)),
            None => Stage::Nested,
        };
        Self { handler, stage }
    }
}

impl<F, B> Future for ResponseFuture<F, B>
where
    F: Future<Output = Response<B>>,
    B: MessageBody,
{
    type Output = Response<EitherBody<B>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        match this.stage {
            Stage::Nested => this.handler.poll(context).map_ok(ServiceResponse::map_into_left_body),
            Stage::Handling(guard) => {
                let ended = ready!(run(this.handler, context));
                let exchange = guard.take().expect("a future is not polled after it was ready");
                match end(exchange, &ended).map(Commit::try_ready) {
                    None => Poll::Ready(finish(ended, Ok(SessionHeaders::default()))),
                    Some(Ok(saved)) => Poll::Ready(finish(ended, saved)),
                    Some(Err(commit)) => {
                        let commit = CommitGuard::new(commit, complete);
                        *this.stage = Stage::Committing(Box::new((commit, ended)));
                        self.poll(context)
                    }
                }
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

/// Polls a handler and catches its panic, so that a logout in it is not lost.
fn run<F, B>(handler: Pin<&mut F>, context: &mut Context<'_>) -> Poll<Ended<B>>
where
    F: Future<Output = Response<B>>,
{
    // Unwind safe: the handler is not polled again after a panic.
    match catch_unwind(AssertUnwindSafe(|| handler.poll(context))) {
        Ok(polled) => polled.map_err(|mut error| Failure::Error { status: status_of(&mut error), error }),
        Err(panic) => Poll::Ready(Err(Failure::Panic(panic))),
    }
}

/// Returns the status of the response that an error will become.
///
/// Making that response may take it out of the error, as that of `InternalError::from_response`, or
/// write to a log, so the error is asked for its status first. A 500 is also the status of an error
/// that defines only its response. That response is then made, and the client gets that same one.
fn status_of(error: &mut Error) -> StatusCode {
    let status = error.as_response_error().status_code();
    if status != StatusCode::INTERNAL_SERVER_ERROR {
        return status;
    }
    let response = error.error_response();
    let status = response.status();
    let made = Cell::new(Some(response));
    error.add_response_mapper(move |made_again| made.take().unwrap_or(made_again));
    status
}

/// Ends a request. After a panic nothing can send the token of a renewal, so only a destroy is
/// committed then.
fn end<B>(exchange: Exchange, ended: &Ended<B>) -> Option<Commit> {
    match ended {
        Ok(response) => Some(exchange.end(response.status().as_u16())),
        Err(Failure::Error { status, .. }) => Some(exchange.end(status.as_u16())),
        Err(Failure::Panic(_)) => exchange.abandon(),
    }
}

/// Returns the response with the session's headers, or an error response if the session could not
/// be saved.
fn finish<B: MessageBody>(ended: Ended<B>, saved: Result<SessionHeaders, CommitError>) -> Response<EitherBody<B>> {
    match ended {
        Ok(mut response) => match saved {
            Ok(headers) => {
                write(headers, response.headers_mut());
                Ok(response.map_into_left_body())
            }
            Err(error) => {
                let error = SessionError::from(error).replacing(response.headers());
                Ok(response.error_response(error).map_into_right_body())
            }
        },
        Err(failure) => Err(failure.finish(saved)),
    }
}

impl Failure {
    fn finish(self, saved: Result<SessionHeaders, CommitError>) -> Error {
        match (self, saved.map_err(SessionError::from)) {
            (Self::Error { error, .. }, Ok(headers)) => add_to_error(headers, error),
            // Response mappers of inner middlewares have the cookies.
            (Self::Error { error: replaced, .. }, Err(error)) => {
                error.replacing(replaced.error_response().headers()).into()
            }
            (Self::Panic(panic), saved) => {
                if let Err(error) = saved {
                    error.log();
                }
                resume_unwind(panic)
            }
        }
    }
}

/// Adds the session's headers to the response that an outer layer makes of `error`.
///
/// The error is not converted into a [`ServiceResponse`] here: that takes the request, and
/// actix-web panics if a middleware holds a clone of it while a handler is looked up.
fn add_to_error(headers: SessionHeaders, mut error: Error) -> Error {
    if !headers.is_empty() {
        error.add_response_mapper(move |mut response| {
            write(headers.clone(), response.headers_mut());
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
