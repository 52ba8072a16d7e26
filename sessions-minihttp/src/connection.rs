//! Serving one connection.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::iter;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sessions_core::{Error, Sessions};

use crate::TARGET;
use crate::http::{self, Head, MAX_FIELDS, Persistence, Refusal};
use crate::request::Request;
use crate::response::Response;
use crate::service::SessionService;
use crate::visit::{Visit, report};
use crate::wire::{BrokenBody, Incoming, Input, Unread, Wire};

/// The status of a failed service, which drops its sessions' writes.
const FAILED: u16 = 500;

/// State shared by all connections.
pub(crate) struct App<S> {
    pub(crate) sessions: Sessions,
    pub(crate) make: Box<dyn Fn(usize) -> S + Send + Sync>,
}

/// One connection and its service.
pub(crate) struct Connection<S> {
    wire: Wire,
    input: Input,
    /// When the head that has begun must be complete.
    head_due: Option<u64>,
    station: Station<S>,
}

/// The part of a connection that answers its requests.
struct Station<S> {
    app: Arc<App<S>>,
    id: usize,
    peer: SocketAddr,
    /// Created at the first request, and again after a panic, which may have left it in a bad
    /// state.
    service: Option<S>,
    response: Response,
}

/// Why a connection ends.
enum End {
    /// The client disconnected or was idle.
    Silent,
    /// The client got its last response, and may still be sending.
    Unread,
    /// The client's data is refused.
    Refused(Refusal),
}

impl<S: SessionService> Connection<S> {
    pub(crate) fn new(app: Arc<App<S>>, id: usize, peer: SocketAddr, wire: Wire) -> Self {
        let station = Station { app, id, peer, service: None, response: Response::new() };
        Self { wire, input: Input::new(), head_due: None, station }
    }

    /// Serves requests until the connection ends.
    pub(crate) fn run(mut self) {
        let end = loop {
            if let Err(end) = self.advance() {
                break end;
            }
        };
        match end {
            End::Silent => {}
            End::Unread => {
                if self.wire.flush().is_ok() {
                    // The service may own something that others need, for example a database
                    // connection.
                    drop(self.station);
                    self.wire.close_unread(self.input.scratch());
                }
            }
            End::Refused(refusal) => {
                tracing::debug!(target: TARGET, status = refusal.status(), "a request was refused: {refusal:?}");
                let Station { response, .. } = &mut self.station;
                response.refuse(refusal.status());
                if response.write_to(&mut self.wire, false, Persistence::Close).is_ok() {
                    self.wire.close_unread(self.input.scratch());
                }
            }
        }
    }

    /// Answers the next request, or receives more of it.
    fn advance(&mut self) -> Result<(), End> {
        if self.input.may_hold_head() {
            let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
            let (bytes, spare) = self.input.split();
            match http::parse(bytes, &mut slots).map_err(End::Refused)? {
                Some(head) => {
                    let received = &bytes[head.length..];
                    let mut incoming = Incoming::new(&mut self.wire, head.framing, received, spare);
                    self.station.answer(&head, &mut incoming);
                    // The response does not wait for the rest of the body, which may arrive slowly,
                    // or never if the client stops at an error. Waiting for it sends the response.
                    let received = incoming.skip_received();
                    let stays_open = self.station.respond(&head, received.is_ok(), incoming.wire())?;
                    let rest = received.and_then(|_| incoming.finish()).map_err(|Unread| End::Unread)?;
                    if !stays_open {
                        return Err(End::Unread);
                    }
                    let length = head.length;
                    self.input.advance(length + rest.taken, rest.received);
                    self.head_due = None;
                    self.wire.count_answer().map_err(|_| End::Silent)?;
                    return Ok(());
                }
                None => self.input.hold_no_head(),
            }
        }
        self.receive()
    }

    fn receive(&mut self) -> Result<(), End> {
        self.wire.flush().map_err(|_| End::Silent)?;
        let is_idle = self.input.is_blank();
        let due =
            if is_idle { self.wire.idle_due() } else { *self.head_due.get_or_insert_with(|| self.wire.head_due()) };
        match self.wire.receive(self.input.room(), due) {
            Ok(count @ 1..) => {
                self.input.receive(count);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::TimedOut && !is_idle => Err(End::Refused(Refusal::Slow)),
            Ok(0) | Err(_) => Err(End::Silent),
        }
    }
}

impl<S: SessionService> Station<S> {
    /// Calls the service and finishes its sessions.
    fn answer(&mut self, head: &Head<'_, '_>, incoming: &mut Incoming<'_>) {
        let visit = Visit::new(&self.app.sessions, head.method, self.peer);
        let request = Request::new(head, incoming, &visit);
        let (service, response) = (&mut self.service, &mut self.response);
        let answered = catch_unwind(AssertUnwindSafe(|| {
            service.get_or_insert_with(|| (self.app.make)(self.id)).call(request, response)
        }));
        let panicked = answered.is_err();
        let status = match answered {
            Ok(Ok(())) => response.status(),
            Ok(Err(error)) => refuse(&*error, response),
            Err(_) => {
                tracing::error!(target: TARGET, "a service panicked");
                response.refuse(FAILED);
                FAILED
            }
        };
        if catch_unwind(AssertUnwindSafe(|| visit.finish(status, response))).is_err() {
            tracing::error!(target: TARGET, "a store panicked");
            response.refuse(FAILED);
        }
        if panicked {
            self.service = None;
        }
    }

    /// Writes the response. Returns whether it announces that the connection stays open.
    fn respond(&mut self, head: &Head<'_, '_>, may_go_on: bool, wire: &mut Wire) -> Result<bool, End> {
        let persistence = match head.framing.persistence {
            persistence if may_go_on && !self.response.closes() => persistence,
            _ => Persistence::Close,
        };
        self.response.write_to(wire, head.method == "HEAD", persistence).map_err(|_| End::Silent)?;
        // At once rather than for the next response, so that an idle connection keeps no body.
        self.response.reset();
        Ok(persistence != Persistence::Close)
    }
}

/// Replaces the response of a service that returned an error. Returns the status that its sessions
/// end with.
fn refuse(error: &(dyn StdError + 'static), response: &mut Response) -> u16 {
    if let Some(error) = find::<Error>(error) {
        report(error);
        response.refuse_for(error);
        return error.status();
    }
    if let Some(BrokenBody { refusal, .. }) = find(error) {
        tracing::debug!(target: TARGET, error, "the body of a request was cut off: {refusal:?}");
        response.refuse(refusal.status());
    } else {
        tracing::error!(target: TARGET, error, "a service failed");
        response.refuse(FAILED);
    }
    FAILED
}

/// Finds an error of a type among an error, its sources and what I/O errors contain.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    // `io::Error::source` skips the error that it contains.
    let content = |error: &'a (dyn StdError + 'static)| Some(error.downcast_ref::<io::Error>()?.get_ref()? as _);
    let mut errors = iter::successors(Some(error), |&error| content(error).or_else(|| error.source()));
    errors.find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use may::net::TcpStream;

    use super::*;
    use crate::wire::{Limits, Watch};

    #[test]
    fn written_response_is_not_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let peer = listener.local_addr().unwrap();
        let limits = Limits { head: 1_000_000, idle: 1_000_000 };
        let mut wire = Wire::new(stream, Watch::start(limits), limits).unwrap();

        let service = |_: Request<'_>, _: &mut Response| Ok(());
        let app = App { sessions: Sessions::builder().build().unwrap(), make: Box::new(move |_| service) };
        let mut station = Station { app: Arc::new(app), id: 0, peer, service: None, response: Response::new() };
        station.response.status_code(404, "Not Found").body_vec(vec![0; 1000]);
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let head = http::parse(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut slots).unwrap().unwrap();
        assert!(station.respond(&head, true, &mut wire).is_ok());
        assert!(station.response.body_mut().is_empty());
        assert_eq!(station.response.status(), 200);
    }
}
