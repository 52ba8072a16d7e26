//! Time, random bytes, and a future that is often ready at once.

mod clock;
mod entropy;
mod maybe_ready;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use maybe_ready::MaybeReady;

pub(crate) use clock::{CLOCK_TOLERANCE, whole_millis};
pub(crate) use entropy::{Entropy, fill_random};
