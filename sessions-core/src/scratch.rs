//! Room for a value's bytes between its encoding and its place among the changes.

use std::io;

/// Is how many bytes are held without an allocation: most values are names and numbers.
const INLINE: usize = 112;

/// Is a buffer that allocates only for large values.
pub(crate) struct Scratch {
    inline: [u8; INLINE],
    /// Is how many bytes of `inline` are in use.
    length: usize,
    /// Holds everything, once it is too much for `inline`.
    spilled: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { inline: [0; INLINE], length: 0, spilled: Vec::new() }
    }
}

impl Scratch {
    pub(crate) fn as_slice(&self) -> &[u8] {
        if self.spilled.is_empty() { &self.inline[..self.length] } else { &self.spilled }
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
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
}

impl io::Write for Scratch {
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

    #[test]
    fn it_holds_what_was_put_in_whatever_the_size() {
        for piece in [1, 7, INLINE - 1, INLINE, INLINE + 1, 500] {
            let (mut scratch, mut expected) = (Scratch::default(), Vec::new());
            for round in 0..40_u8 {
                assert_eq!(scratch.as_slice(), expected);
                scratch.extend(&vec![round; piece]);
                expected.extend(vec![round; piece]);
            }
            assert_eq!(scratch.as_slice(), expected);
        }
    }
}
