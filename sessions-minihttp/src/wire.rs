//! A connection as a stream of bytes: input, output and timeouts.

mod body;
mod input;
mod preamble;
mod retired;
mod socket;
mod watch;

use std::io;
use std::sync::Arc;

use may::net::TcpStream;

use preamble::Preamble;
use socket::Socket;

pub(crate) use body::{BrokenBody, Incoming, Unread};
pub(crate) use input::Input;
pub(crate) use watch::{Limits, Watch};

/// Output size from which on it is sent without waiting for more.
const FLUSH_AT: usize = 16 * 1024;

/// Maximum capacity that the output keeps.
const LARGEST_KEPT: usize = 2 * FLUSH_AT;

/// How long, in milliseconds, the rest of a client's data is read and dropped when its connection
/// is closed.
const LINGER: u64 = 1000;

/// The socket of a connection and its output.
///
/// Responses to pipelined requests are collected, and written before the connection waits for its
/// client.
pub(crate) struct Wire {
    socket: Socket,
    output: Vec<u8>,
    preamble: Preamble,
    limits: Limits,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, watch: Arc<Watch>, limits: Limits) -> io::Result<Self> {
        let socket = Socket::new(stream, watch)?;
        Ok(Self { socket, output: Vec::new(), preamble: Preamble::new(), limits })
    }

    /// Records that a request was answered. After many of them without a wait, sends the output,
    /// then lets other connections come first.
    pub(crate) fn count_answer(&mut self) -> io::Result<()> {
        if self.socket.count_step() {
            // The client need not wait for other connections' services as well.
            self.flush()?;
            self.socket.give_way();
        }
        Ok(())
    }

    /// Returns when the connection times out if the client sends nothing from now on.
    pub(crate) fn idle_due(&self) -> u64 {
        self.socket.after(self.limits.idle)
    }

    /// Returns when a head that begins now must be complete.
    pub(crate) fn head_due(&self) -> u64 {
        self.socket.after(self.limits.head)
    }

    /// Sends the output, then receives bytes, waiting for them until `due`. Returns 0 at the end of
    /// the stream.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], due: u64) -> io::Result<usize> {
        self.flush()?;
        self.socket.read(buffer, due)
    }

    /// Returns the output buffer and the preamble of responses.
    pub(crate) fn output(&mut self) -> (&mut Vec<u8>, &Preamble) {
        self.preamble.set_date(self.socket.unix_time());
        (&mut self.output, &self.preamble)
    }

    /// Adds bytes to the output. A large slice is sent at once instead of being copied.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() >= FLUSH_AT {
            self.flush()?;
            return self.socket.write_all(bytes, self.limits.idle);
        }
        self.output.extend_from_slice(bytes);
        if self.output.len() >= FLUSH_AT { self.flush() } else { Ok(()) }
    }

    /// Sends the output.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let sent = self.socket.write_all(&self.output, self.limits.idle);
        self.output.clear();
        self.output.shrink_to(LARGEST_KEPT);
        sent
    }

    /// Closes the connection of a client that may still be sending.
    ///
    /// Closing it with unread bytes would reset the connection, and the client might lose the
    /// response (RFC 9112 section 9.6). So our side of the stream is ended first, and what arrives
    /// meanwhile is dropped.
    pub(crate) fn close_unread(mut self, buffer: &mut [u8]) {
        let due = self.socket.after(LINGER);
        if self.flush().and_then(|()| self.socket.end()).is_ok() {
            while !self.socket.is_past(due) && self.socket.read(buffer, due).is_ok_and(|count| count > 0) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn answers_are_sent_before_giving_way() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let limits = Limits { head: 1_000_000, idle: 1_000_000 };
        let mut wire = Wire::new(stream, Watch::start(limits), limits).unwrap();
        let answering = may::go!(move || {
            let mut unsent = Vec::new();
            for _ in 0..2 * socket::MOST_STEPS {
                wire.write(b"x").unwrap();
                wire.count_answer().unwrap();
                unsent.push(wire.output.len() as u32);
            }
            unsent
        });
        let unsent: Vec<_> = (1..=2 * socket::MOST_STEPS).map(|count| count % socket::MOST_STEPS).collect();
        assert_eq!(answering.join().unwrap(), unsent);
    }
}
