//! A small buffer for encoded values.

use std::fmt;
use std::io;

/// A buffer for an encoded value, which allocates only beyond `INLINE` bytes.
///
/// Most values are short.
#[derive(Clone)]
pub struct Scratch<const INLINE: usize = 112> {
    inline: [u8; INLINE],
    /// Number of bytes of `inline` in use.
    length: usize,
    /// All bytes, once they exceed `inline`.
    spilled: Vec<u8>,
}

impl<const INLINE: usize> Default for Scratch<INLINE> {
    fn default() -> Self {
        Self { inline: [0; INLINE], length: 0, spilled: Vec::new() }
    }
}

impl<const INLINE: usize> Scratch<INLINE> {
    /// Returns all bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        if self.spilled.is_empty() { &self.inline[..self.length] } else { &self.spilled }
    }

    /// Appends bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.inline.get_mut(self.length..end) {
            Some(room) if self.spilled.is_empty() => {
                room.copy_from_slice(bytes);
                self.length = end;
            }
            _ => self.spill(bytes),
        }
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if self.spilled.is_empty() {
            self.spilled.extend_from_slice(&self.inline[..self.length]);
        }
        self.spilled.extend_from_slice(bytes);
    }

    /// Keeps the first `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        if self.spilled.is_empty() {
            self.length = self.length.min(length);
        } else {
            self.spilled.truncate(length);
            // If `spilled` is now empty, `inline` is read.
            self.length = 0;
        }
    }
}

/// Shows no bytes.
impl<const INLINE: usize> fmt::Debug for Scratch<INLINE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

impl<const INLINE: usize> io::Write for Scratch<INLINE> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INLINE: usize = 112;

    #[test]
    fn extending_keeps_all_bytes() {
        for piece in [1, 7, INLINE - 1, INLINE, INLINE + 1, 500] {
            let (mut scratch, mut expected) = (Scratch::<INLINE>::default(), Vec::new());
            for round in 0..40_u8 {
                assert_eq!(scratch.as_slice(), expected);
                scratch.extend(&vec![round; piece]);
                expected.extend(vec![round; piece]);
            }
            assert_eq!(scratch.as_slice(), expected);
        }
    }

    #[test]
    fn truncating_makes_room() {
        let lengths = [0, 1, 7, 8, 9, 30];
        let triples = lengths.map(|first| lengths.map(|cut| lengths.map(|second| (first, cut, second))));
        for (first, cut, second) in triples.into_iter().flatten().flatten() {
            let (mut scratch, mut expected) = (Scratch::<8>::default(), vec![1; first]);
            scratch.extend(&vec![1; first]);
            scratch.truncate(cut);
            expected.truncate(cut);
            assert_eq!(scratch.as_slice(), expected);
            scratch.extend(&vec![2; second]);
            expected.extend(vec![2; second]);
            assert_eq!(scratch.as_slice(), expected, "{first} to {cut}, then {second}");
        }
    }

    #[test]
    fn each_way_of_writing_takes_everything() {
        use io::Write as _;
        let mut scratch = Scratch::<8>::default();
        for piece in [&b"abcdef"[..], b"ghi", b"", b"jkl"] {
            assert_eq!(scratch.write(piece).unwrap(), piece.len());
        }
        scratch.write_all(b"mno").unwrap();
        assert_eq!(scratch.as_slice(), b"abcdefghijklmno");
    }
}
