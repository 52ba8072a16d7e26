//! A connection as a stream of bytes: what was received, what is to be sent, and how long that may
//! take.

mod body;
mod input;
mod preamble;
mod socket;
mod watch;

use std::io;
use std::sync::Arc;

use may::net::TcpStream;

use preamble::Preamble;
use socket::Socket;

pub(crate) use body::{Incoming, Unread};
pub(crate) use input::Input;
pub(crate) use watch::{Limits, Watch};

/// Size from which on the output does not wait for more.
const FLUSH_AT: usize = 16 * 1024;

/// How much room the output may keep.
const LARGEST_KEPT: usize = 2 * FLUSH_AT;

/// How long the rest of what a client sends is read and dropped when its connection is closed, in
/// milliseconds.
const LINGER: u64 = 1000;

/// The socket of a connection, and what is to be sent on it.
///
/// Responses are collected as long as requests are there, and written before the connection waits
/// for anything.
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

    /// Returns the time at which a client that sends nothing from now on is given up.
    pub(crate) fn idle_due(&self) -> u64 {
        self.socket.after(self.limits.idle)
    }

    /// Returns the time by which a head that begins now has to be complete.
    pub(crate) fn head_due(&self) -> u64 {
        self.socket.after(self.limits.head)
    }

    /// Reads what has come, and waits for it until `due`. What was written is sent before. Returns
    /// 0 at the end of the stream.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], due: u64) -> io::Result<usize> {
        self.flush()?;
        self.socket.read(buffer, due)
    }

    /// Returns the output to write a response to, and how responses begin.
    pub(crate) fn output(&mut self) -> (&mut Vec<u8>, &Preamble) {
        self.preamble.set_date(self.socket.unix_time());
        (&mut self.output, &self.preamble)
    }

    /// Adds bytes to the output. Many of them are not copied but sent at once.
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
    /// Closing with bytes unread would reset the connection, and the client might lose the response
    /// with it (RFC 9112 section 9.6). So the end of the stream is sent first, and what comes
    /// meanwhile is dropped.
    pub(crate) fn close_unread(mut self, buffer: &mut [u8]) {
        let due = self.socket.after(LINGER);
        if self.flush().and_then(|()| self.socket.end()).is_ok() {
            while !self.socket.is_past(due) && self.socket.read(buffer, due).is_ok_and(|count| count > 0) {}
        }
    }
}
