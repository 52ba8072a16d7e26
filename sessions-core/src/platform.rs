//! What the core asks of the world: the time and random bytes.

mod clock;
mod entropy;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};

pub(crate) use clock::{CLOCK_TOLERANCE, whole_millis};
pub(crate) use entropy::{Entropy, fill_random};
