//! What the core asks of the world: the time and random bytes.

mod clock;
mod entropy;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use entropy::{Entropy, EntropyError, OsEntropy};

pub(crate) use clock::whole_millis;
