//! Where random bytes come from.

use std::io;

/// A function that fills a buffer with bytes that nobody can predict.
///
/// Not an option of the manager: nothing but the operating system should take its place, except in
/// tests. There is no fallback: if it fails, no session is created and no token is issued.
pub(crate) type Entropy = fn(&mut [u8]) -> io::Result<()>;

/// Asks the operating system for random bytes.
pub(crate) fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    getrandom::fill(buffer).map_err(io::Error::other)
}
