//! Time and random bytes, the only things that the core takes from the operating system.

mod clock;
mod entropy;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};

pub(crate) use clock::{CLOCK_TOLERANCE, whole_millis};
pub(crate) use entropy::{Entropy, fill_random};
