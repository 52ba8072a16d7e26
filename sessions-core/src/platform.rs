//! Time, random bytes, and a future that is often ready at once.

mod clock;
mod maybe_ready;
mod timestamp;

use std::io;

pub use clock::{Clock, ManualClock, SystemClock};
pub use maybe_ready::MaybeReady;
pub use timestamp::Timestamp;

pub(crate) use clock::CLOCK_TOLERANCE;
pub(crate) use timestamp::whole_millis;

/// A function that fills a buffer with unpredictable bytes.
///
/// Not an option of the manager: outside tests, only the operating system should provide random
/// bytes. There is no fallback. If the function fails, no session and no token is created.
pub(crate) type Entropy = fn(&mut [u8]) -> io::Result<()>;

/// Fills a buffer with random bytes from the operating system.
pub(crate) fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    getrandom::fill(buffer).map_err(io::Error::other)
}
