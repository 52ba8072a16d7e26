//! Serving one connection, between may_minihttp and a service.

use std::error::Error as StdError;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use may_minihttp::{HttpService, HttpServiceFactory};
use sessions_core::{Error, Sessions};

use crate::incoming::{Endless, Incoming};
use crate::request::Request;
use crate::response::Response;
use crate::service::{BoxError, SessionService};
use crate::visit::{Visit, report};

/// Is what all connections share.
pub(crate) struct App<S> {
    pub(crate) sessions: Sessions,
    pub(crate) make: Box<dyn Fn(usize) -> S + Send + Sync>,
}

/// Makes a [`Connection`] for each connection.
pub(crate) struct Acceptor<S> {
    app: Arc<App<S>>,
}

impl<S> Acceptor<S> {
    pub(crate) fn new(app: App<S>) -> Self {
        Self { app: Arc::new(app) }
    }
}

impl<S: SessionService + Send + 'static> HttpServiceFactory for Acceptor<S> {
    type Service = Connection<S>;

    fn new_service(&self, id: usize) -> Connection<S> {
        Connection { app: Arc::clone(&self.app), id, service: None, response: Response::new() }
    }
}

/// Serves one connection. Nobody but may_minihttp can come by one: the proof in [`HttpService::call`] rests on that.
pub(crate) struct Connection<S> {
    app: Arc<App<S>>,
    id: usize,
    /// Is made at the first request, and again after a panic, which may have left it half-changed.
    service: Option<S>,
    response: Response,
}

impl<S: SessionService> HttpService for Connection<S> {
    fn call(
        &mut self,
        request: may_minihttp::Request<'_, '_, '_>,
        outgoing: &mut may_minihttp::Response<'_>,
    ) -> io::Result<()> {
        let is_head = request.method() == "HEAD";
        let mut incoming = Incoming::Head(request);
        self.response.reset();
        self.answer(&mut incoming);
        if is_head {
            // may_minihttp would send it, and the client would take it for the next response.
            self.response.body("");
        }
        if let Err(Endless) = incoming.skip() {
            hang_up();
        }
        self.response.hand_over(outgoing);
        let lines = self.response.fields().as_str();
        if !lines.is_empty() {
            // SAFETY: what is lent lives in `self.response`, and its last reader, `response::encode` of may_minihttp 0.1.11, has read it
            // before it is changed or freed.
            // - `call` has one caller. `Connection` and `Acceptor` do not leave this crate, but for `HttpServiceFactory::start`, which
            //   moves each connection into `each_connection_loop`: no service of anybody else's can wrap one, call it and drop it.
            // - That loop makes a new `Response` for each request. When `call` returns, it moves the response into `encode`, which copies
            //   the text and drops the response; only then it turns to the next request, pipelined or not. The text is changed by the
            //   next `call` at the earliest, and freed with the connection, which the loop owns as its argument and so drops after
            //   its local response.
            // - Nobody else sees the text: a `Response` cannot be cloned or made outside of may_minihttp, has no getter for its header
            //   fields, and services are not handed this one. `self.response` cannot be reached between `call` and `encode`.
            // - Unwinding and errors read no header field: `Response` has a `Drop` that clears the body, and nothing comes after this
            //   line that could fail. A coroutine that is cancelled unwinds; one that is never resumed frees nothing.
            // - The connection may be moved: a `String`'s bytes stay where they are.
            #[expect(
                unsafe_code,
                reason = "may_minihttp takes only `&'static str`, and leaking one a login would fill the memory"
            )]
            let lent = unsafe { mem::transmute::<&str, &'static str>(lines) };
            outgoing.header(lent);
        }
        Ok(())
    }
}

impl<S: SessionService> Connection<S> {
    /// Has the service answer, and finishes its sessions.
    fn answer(&mut self, incoming: &mut Incoming<'_, '_, '_>) {
        let visit = Visit::new(&self.app.sessions);
        let request = Request::new(incoming, &visit);
        let (service, response) = (&mut self.service, &mut self.response);
        let answered = catch_unwind(AssertUnwindSafe(|| {
            service.get_or_insert_with(|| (self.app.make)(self.id)).call(request, response)
        }));
        let panicked = answered.is_err();
        match answered {
            Ok(Ok(())) => {}
            Ok(Err(error)) => refuse(&error, response),
            Err(_) => {
                tracing::error!("a service panicked");
                response.refuse(500);
            }
        }
        visit.finish(response);
        if panicked {
            self.service = None;
        }
    }
}

/// Answers for a service that returned an error.
fn refuse(error: &BoxError, response: &mut Response) {
    if let Some(error) = session_error(&**error) {
        report(error);
        response.refuse(error.status());
    } else {
        let cause: &(dyn StdError + 'static) = &**error;
        tracing::error!(error = cause, "a service failed");
        response.refuse(500);
    }
}

/// Finds a session's error, also where a service made an I/O error of it.
fn session_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    error.downcast_ref().or_else(|| error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref())
}

/// Ends the connection, in the one way that may_minihttp leaves: nobody can say where the next request begins.
fn hang_up() {
    tracing::debug!("a request of unknown length ended its connection");
    if cfg!(panic = "unwind") {
        resume_unwind(Box::new(Endless));
    }
}
