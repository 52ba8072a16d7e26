//! The body of a request as it is received.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read};
use std::mem;

use super::Wire;
use crate::http::{BodyLength, Chunked, Framing, Next, Refusal};

/// Maximum size of an unread body that is read and dropped. If it is larger, the connection is
/// closed.
const MOST_SKIPPED: u64 = 256 * 1024;

/// The body of a request.
///
/// It outlives the service, so that unread bytes are not taken for the next request.
pub(crate) struct Incoming<'c> {
    wire: &'c mut Wire,
    /// Number of body bytes that arrived with the head.
    came: usize,
    /// The unconsumed part of those.
    received: &'c [u8],
    /// The space for more bytes once those are consumed, and its unconsumed range.
    spare: &'c mut [u8],
    start: usize,
    end: usize,
    left: Left,
    /// The client waits for a 100 before it sends anything.
    awaits_continue: bool,
    /// Number of body bytes that the service left unread and that are dropped.
    skipped: u64,
}

enum Left {
    Sized(u64),
    Chunked(Chunked),
    /// The body was cut off.
    Broken(BrokenBody),
}

/// The error of a body that was cut off or is malformed.
///
/// Readers get it inside an I/O error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BrokenBody {
    kind: ErrorKind,
    pub(crate) refusal: Refusal,
}

impl fmt::Display for BrokenBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the body of the request: {}", self.kind)
    }
}

impl Error for BrokenBody {}

impl From<BrokenBody> for io::Error {
    fn from(broken: BrokenBody) -> Self {
        Self::new(broken.kind, broken)
    }
}

/// The state of the buffer after a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Number of bytes after the head that are consumed.
    pub(crate) taken: usize,
    /// Number of bytes received since the head was parsed.
    pub(crate) received: usize,
}

/// The error that the next request, if there is one, cannot be found.
#[derive(Debug)]
pub(crate) struct Unread;

impl<'c> Incoming<'c> {
    /// Creates a body; `received` arrived with the head, and `spare` is the space behind it.
    pub(crate) fn new(wire: &'c mut Wire, framing: Framing, received: &'c [u8], spare: &'c mut [u8]) -> Self {
        let left = match framing.body {
            BodyLength::Sized(length) => Left::Sized(length),
            BodyLength::Chunked => Left::Chunked(Chunked::new()),
        };
        // A client that has begun to send does not wait.
        let awaits_continue = framing.expects_continue && received.is_empty();
        let came = received.len();
        Self { wire, came, received, spare, start: 0, end: 0, left, awaits_continue, skipped: 0 }
    }

    /// Returns the connection, for the response.
    pub(crate) const fn wire(&mut self) -> &mut Wire {
        self.wire
    }

    /// Skips what the service left unread and has already arrived. Returns whether that is the
    /// whole rest of the body.
    ///
    /// # Errors
    ///
    /// Fails if the end of the body cannot be found: it was cut off, is too large to skip, or the
    /// client has not begun to send it.
    pub(crate) fn skip_received(&mut self) -> Result<bool, Unread> {
        loop {
            let left = match self.peek().map_err(|_| Unread)? {
                Next::End => return Ok(true),
                Next::Data(left) => left,
                Next::Unknown => 0,
            };
            if self.awaits_continue || self.skipped.saturating_add(left) > MOST_SKIPPED {
                return Err(Unread);
            }
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffered().len());
            if count == 0 {
                return Ok(false);
            }
            self.consume(count);
            self.skipped += count as u64;
        }
    }

    /// Skips the whole rest of the body, which must arrive before the connection times out.
    ///
    /// # Errors
    ///
    /// Fails like [`skip_received`](Self::skip_received), and if the rest does not arrive in time.
    pub(crate) fn finish(mut self) -> Result<Rest, Unread> {
        // One deadline and not one for each part, so that a few bytes do not keep the connection.
        let due = self.wire.idle_due();
        while !self.skip_received()? {
            self.receive(due).map_err(|_| Unread)?;
        }
        Ok(match self.received.len() {
            0 => Rest { taken: self.came + self.start, received: self.end },
            left => Rest { taken: self.came - left, received: 0 },
        })
    }

    /// Returns what comes next of the body, as far as that has been received.
    fn peek(&mut self) -> io::Result<Next> {
        let bytes = if self.received.is_empty() { &self.spare[self.start..self.end] } else { self.received };
        let (framing, next) = match &mut self.left {
            Left::Sized(0) => return Ok(Next::End),
            Left::Sized(left) => return Ok(Next::Data(*left)),
            Left::Broken(broken) => return Err((*broken).into()),
            Left::Chunked(chunked) => match chunked.advance(bytes) {
                Ok(next) => next,
                Err(refusal) => return Err(self.break_off(ErrorKind::InvalidData, refusal)),
            },
        };
        self.take(framing);
        Ok(next)
    }

    /// Returns how many bytes of the body come next, received or not; 0 at its end.
    fn next(&mut self) -> io::Result<u64> {
        loop {
            match self.peek()? {
                Next::Data(left) => return Ok(left),
                Next::End => return Ok(0),
                Next::Unknown => self.receive(self.wire.idle_due())?,
            }
        }
    }

    /// Returns the received bytes.
    fn buffered(&self) -> &[u8] {
        if self.received.is_empty() { &self.spare[self.start..self.end] } else { self.received }
    }

    /// Consumes received bytes.
    fn take(&mut self, count: usize) {
        if self.received.is_empty() {
            self.start += count;
        } else {
            self.received = &self.received[count..];
        }
    }

    /// Counts consumed bytes of the body.
    fn count(&mut self, count: usize) {
        match &mut self.left {
            Left::Sized(left) => *left -= count as u64,
            Left::Chunked(chunked) => chunked.consume(count as u64),
            Left::Broken(_) => {}
        }
    }

    /// Receives more bytes after those that are there, waiting for them until `due`.
    fn receive(&mut self, due: u64) -> io::Result<()> {
        let kept = mem::take(&mut self.received);
        if kept.is_empty() {
            self.spare.copy_within(self.start..self.end, 0);
        } else {
            // The partially received line before a chunk.
            self.spare[..kept.len()].copy_from_slice(kept);
            self.end = kept.len();
        }
        (self.start, self.end) = (0, self.end - self.start);
        self.send_continue()?;
        let received = self.wire.receive(&mut self.spare[self.end..], due);
        self.end += self.expect(received)?;
        Ok(())
    }

    /// Sends the 100 that a client waits for before it sends the body.
    fn send_continue(&mut self) -> io::Result<()> {
        if mem::take(&mut self.awaits_continue) {
            self.wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        Ok(())
    }

    /// Returns an error if nothing was received.
    fn expect(&mut self, received: io::Result<usize>) -> io::Result<usize> {
        match received {
            Ok(0) => Err(self.break_off(ErrorKind::UnexpectedEof, Refusal::Malformed)),
            Ok(count) => Ok(count),
            Err(error) => {
                let is_slow = error.kind() == ErrorKind::TimedOut;
                Err(self.break_off(error.kind(), if is_slow { Refusal::Slow } else { Refusal::Malformed }))
            }
        }
    }

    /// Ends the body, and returns the error that its reader gets.
    fn break_off(&mut self, kind: ErrorKind, refusal: Refusal) -> io::Error {
        let broken = BrokenBody { kind, refusal };
        self.left = Left::Broken(broken);
        broken.into()
    }
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.next()?).unwrap_or(usize::MAX).min(buffer.len());
        if left == 0 {
            return Ok(0);
        }
        let here = self.buffered();
        let count = if here.is_empty() {
            self.send_continue()?;
            let due = self.wire.idle_due();
            let received = self.wire.receive(&mut buffer[..left], due);
            self.expect(received)?
        } else {
            let count = left.min(here.len());
            buffer[..count].copy_from_slice(&here[..count]);
            self.take(count);
            count
        };
        self.count(count);
        Ok(count)
    }
}

impl BufRead for Incoming<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = usize::try_from(self.next()?).unwrap_or(usize::MAX);
        if left > 0 && self.buffered().is_empty() {
            self.receive(self.wire.idle_due())?;
        }
        let here = self.buffered();
        Ok(&here[..left.min(here.len())])
    }

    fn consume(&mut self, amount: usize) {
        let left = match &self.left {
            Left::Sized(left) => *left,
            Left::Chunked(chunked) => chunked.left(),
            Left::Broken(_) => 0,
        };
        assert!(amount as u64 <= left && amount <= self.buffered().len(), "what is consumed was shown before");
        self.take(amount);
        self.count(amount);
    }
}
