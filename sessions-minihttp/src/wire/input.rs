//! The buffer of what was received.

use memchr::memchr_iter;

use crate::http::MAX_HEAD;

/// Size of the buffer, unless a head needs more.
const SIZE: usize = 16 * 1024;

/// Room at the end of the buffer that heads leave free, for what comes of a body later.
const RESERVE: usize = 4 * 1024;

/// How little room is worth a read.
const LITTLE: usize = 1024;

/// The bytes that were received and are not done with.
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Number of bytes that are known to be less than a head.
    incomplete: usize,
}

impl Input {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; SIZE], start: 0, end: 0, incomplete: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Returns the bytes, and the room behind them.
    pub(crate) fn split(&mut self) -> (&[u8], &mut [u8]) {
        let (filled, spare) = self.bytes.split_at_mut(self.end);
        (&filled[self.start..], spare)
    }

    /// Returns whether a whole head may have come, so that it is not parsed again with each of its bytes.
    pub(crate) fn may_hold_head(&self) -> bool {
        let bytes = &self.bytes[self.start..self.end];
        let new = &bytes[self.incomplete.saturating_sub(3)..];
        !bytes.is_empty() && (self.incomplete == 0 || bytes.len() >= MAX_HEAD || has_empty_line(new))
    }

    /// Notes that the bytes are less than a head.
    pub(crate) const fn hold_no_head(&mut self) {
        self.incomplete = self.end - self.start;
    }

    /// Returns room to receive more bytes of a head to.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.is_empty() {
            self.empty();
        } else if self.bytes.len() - RESERVE - self.end < LITTLE {
            self.make_room();
        }
        let end = self.bytes.len() - RESERVE;
        &mut self.bytes[self.end..end]
    }

    /// Notes that so many bytes were received.
    pub(crate) const fn receive(&mut self, count: usize) {
        self.end += count;
    }

    /// Notes that the first bytes are done with. With those from `spare` on, so many were received.
    pub(crate) const fn advance(&mut self, taken: usize, received: usize) {
        self.start += taken;
        self.end += received;
        self.incomplete = 0;
    }

    /// Returns all of the buffer, for bytes that nobody wants.
    pub(crate) fn scratch(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn empty(&mut self) {
        (self.start, self.end, self.incomplete) = (0, 0, 0);
        if self.bytes.len() > SIZE {
            self.bytes.truncate(SIZE);
            self.bytes.shrink_to_fit();
        }
    }

    fn make_room(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.bytes.len() - RESERVE - self.end < LITTLE {
            let size = (2 * self.bytes.len()).min(MAX_HEAD + RESERVE);
            self.bytes.resize(size, 0);
        }
    }
}

/// Returns whether there is an empty line, whatever ends the lines.
fn has_empty_line(bytes: &[u8]) -> bool {
    memchr_iter(b'\n', bytes).any(|at| matches!(bytes[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}
