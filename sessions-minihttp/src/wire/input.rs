//! The buffer of received bytes.

use memchr::memchr_iter;

use crate::http::MAX_HEAD;

/// Size of the buffer unless a head needs more.
const SIZE: usize = 16 * 1024;

/// Space at the end of the buffer that heads leave free for the body.
const RESERVE: usize = 4 * 1024;

/// Minimum space that is worth a read.
const LITTLE: usize = 1024;

/// The received bytes that are not consumed yet.
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Number of bytes that are known to be an incomplete head.
    incomplete: usize,
}

impl Input {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; SIZE], start: 0, end: 0, incomplete: 0 }
    }

    const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Returns whether no request has begun.
    ///
    /// The line break that old clients send after a form belongs to no request (RFC 9112 section
    /// 2.2).
    pub(crate) fn is_blank(&self) -> bool {
        b"\r\n".starts_with(&self.bytes[self.start..self.end])
    }

    /// Returns the bytes and the space behind them, which is enough for parts of a body.
    pub(crate) fn split(&mut self) -> (&[u8], &mut [u8]) {
        if self.bytes.len() - self.end < RESERVE {
            self.compact();
            self.bytes.resize(self.bytes.len().max(self.end + RESERVE), 0);
        }
        let (filled, spare) = self.bytes.split_at_mut(self.end);
        (&filled[self.start..], spare)
    }

    /// Returns whether a complete head may have arrived, so that it is not parsed again at each
    /// byte.
    pub(crate) fn may_hold_head(&self) -> bool {
        let bytes = &self.bytes[self.start..self.end];
        let new = &bytes[self.incomplete.saturating_sub(3)..];
        !bytes.is_empty() && (self.incomplete == 0 || bytes.len() >= MAX_HEAD || has_empty_line(new))
    }

    /// Records that the bytes are an incomplete head.
    pub(crate) const fn hold_no_head(&mut self) {
        self.incomplete = self.end - self.start;
    }

    /// Returns space for more bytes of a head.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.is_empty() {
            self.empty();
        } else if self.free() < LITTLE {
            self.compact();
        }
        if self.free() < LITTLE {
            let size = (2 * self.bytes.len()).min(MAX_HEAD + RESERVE);
            self.bytes.resize(self.bytes.len().max(size), 0);
        }
        let end = self.bytes.len() - RESERVE;
        &mut self.bytes[self.end..end]
    }

    /// Records that this many bytes were received.
    pub(crate) const fn receive(&mut self, count: usize) {
        self.end += count;
    }

    /// Records that the first `taken` bytes are consumed, and `received` more are in the space
    /// behind.
    pub(crate) const fn advance(&mut self, taken: usize, received: usize) {
        self.start += taken;
        self.end += received;
        self.incomplete = 0;
    }

    /// Returns the whole buffer, for bytes to be dropped.
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

    /// Returns how much space is left for a head.
    const fn free(&self) -> usize {
        (self.bytes.len() - RESERVE).saturating_sub(self.end)
    }

    fn compact(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
    }
}

/// Returns whether there is an empty line, with any kind of line break.
fn has_empty_line(bytes: &[u8]) -> bool {
    memchr_iter(b'\n', bytes).any(|at| matches!(bytes[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receives bytes in pieces as large as there is space.
    fn receive(input: &mut Input, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = input.room();
            let count = room.len().min(bytes.len());
            assert!(count > 0, "there is no room");
            room[..count].copy_from_slice(&bytes[..count]);
            input.receive(count);
            bytes = &bytes[count..];
        }
    }

    fn numbers(count: usize) -> Vec<u8> {
        (0..count).map(|n| (n % 251) as u8).collect()
    }

    #[test]
    fn head_has_room_up_to_its_limit() {
        let mut input = Input::new();
        for round in 0..3 {
            let bytes = numbers(MAX_HEAD);
            receive(&mut input, &bytes);
            let (pending, spare) = input.split();
            assert!(pending == bytes && spare.len() >= RESERVE, "round {round}");
            input.advance(MAX_HEAD, 0);
            assert!(input.is_empty());
        }
        input.room();
        assert_eq!(input.bytes.len(), SIZE, "an idle connection keeps the usual buffer");
    }

    #[test]
    fn next_request_is_kept_with_room() {
        // However full a body has left the buffer, and however little of it is another request.
        for head in [10, SIZE - RESERVE] {
            for left in [1, 1000, RESERVE] {
                let mut input = Input::new();
                receive(&mut input, &numbers(head));
                let (_, spare) = input.split();
                let filled = spare.len();
                spare.copy_from_slice(&numbers(filled));
                input.advance(head + filled - left, filled);
                let (pending, spare) = input.split();
                assert!(pending == &numbers(filled)[filled - left..] && spare.len() >= RESERVE);
                receive(&mut input, &numbers(MAX_HEAD - left));
                let (pending, spare) = input.split();
                assert!(pending.len() == MAX_HEAD && spare.len() >= RESERVE);
                assert!(pending[left..] == numbers(MAX_HEAD - left));
            }
        }
    }

    #[test]
    fn head_is_parsed_only_when_complete() {
        let mut input = Input::new();
        assert!(!input.may_hold_head());
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        receive(&mut input, &head[..1]);
        assert!(input.may_hold_head(), "it may be malformed from the start");
        for byte in &head[1..] {
            input.hold_no_head();
            assert!(!input.may_hold_head());
            receive(&mut input, &[*byte]);
        }
        assert!(input.may_hold_head());
    }
}
