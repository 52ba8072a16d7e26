//! Time and random bytes.

mod clock;

use std::io;

pub use clock::{Clock, ManualClock, SystemClock};

/// A function that fills a buffer with unpredictable bytes.
///
/// Not an option of the manager: outside tests, only the operating system should provide random
/// bytes. There is no fallback. If the function fails, no session and no token is created.
pub(crate) type Entropy = fn(&mut [u8]) -> io::Result<()>;

/// Fills a buffer with random bytes from the operating system.
pub(crate) fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    getrandom::fill(buffer).map_err(io::Error::other)
}
