//! Random bytes for tokens, drawn for several tokens at once while many are made.

use std::fmt;
use std::mem;

use parking_lot::Mutex;

use super::{Entropy, EntropyError, OsEntropy};
use crate::clock::Timestamp;

/// Is how many bytes are drawn at once at most: 32 tokens' worth.
const AHEAD: usize = 1024;

/// Is for how long bytes may wait, in milliseconds.
///
/// A process or a machine that is copied (by a fork, by a snapshot) has them twice. So none are drawn ahead unless tokens follow each
/// other this closely, and what has waited for longer is never used.
const FRESH: u64 = 10;

/// Is where tokens take their random bytes from. No byte is given out twice.
///
/// Asking the operating system is a system call, more than a third of what core takes for a login. Each call therefore draws twice as
/// many bytes as the one before, up to [`AHEAD`], while tokens follow each other closely; so most of what is drawn is used.
pub(crate) struct Supply {
    entropy: Box<dyn Entropy>,
    ahead: Mutex<Ahead>,
}

struct Ahead {
    bytes: [u8; AHEAD],
    /// Is how many of `bytes` are still to be used, the last of them first. What was used is zero.
    left: usize,
    /// Is how many bytes the generator was last asked for.
    length: usize,
    /// Is when the generator was last asked.
    drawn: Timestamp,
}

impl Supply {
    pub(crate) fn new(entropy: impl Entropy) -> Self {
        let ahead = Ahead { bytes: [0; AHEAD], left: 0, length: 0, drawn: Timestamp::from_millis(0) };
        Self { entropy: Box::new(entropy), ahead: Mutex::new(ahead) }
    }

    /// Draws bytes for a token that is made at `now`.
    pub(crate) fn draw<const N: usize>(&self, now: Timestamp) -> Result<[u8; N], EntropyError> {
        match self.ahead.try_lock() {
            Some(mut ahead) => ahead.draw(now, &*self.entropy),
            // Another thread is at it, and may be waiting for the generator.
            None => alone(&*self.entropy),
        }
    }
}

fn alone<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut drawn = [0; N];
    entropy.fill(&mut drawn)?;
    Ok(drawn)
}

impl Default for Supply {
    fn default() -> Self {
        Self::new(OsEntropy)
    }
}

impl Ahead {
    fn draw<const N: usize>(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
        let is_fresh = self.drawn <= now && now.as_millis() - self.drawn.as_millis() < FRESH;
        if !is_fresh {
            self.forget();
            (self.length, self.drawn) = (N, now);
            return alone(entropy);
        }
        if self.left < N {
            self.refill(N, now, entropy)?;
        }
        let drawn = self.bytes[..self.left].last_chunk_mut().expect("there are as many, since a refill makes sure");
        self.left -= N;
        Ok(mem::replace(drawn, [0; N]))
    }

    fn refill(&mut self, least: usize, now: Timestamp, entropy: &dyn Entropy) -> Result<(), EntropyError> {
        self.forget();
        let length = (2 * self.length).clamp(least, AHEAD);
        entropy.fill(&mut self.bytes[..length])?;
        (self.left, self.length, self.drawn) = (length, length, now);
        Ok(())
    }

    fn forget(&mut self) {
        self.bytes[..self.left].fill(0);
        self.left = 0;
    }
}

impl fmt::Debug for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supply").field("entropy", &self.entropy).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
    use std::thread;

    use super::*;

    /// Fills each buffer with the next number, so that a draw tells from which call its bytes are, and takes note of the lengths.
    #[derive(Clone, Debug, Default)]
    struct Numbered {
        call: Arc<AtomicU8>,
        lengths: Arc<Mutex<Vec<usize>>>,
        is_broken: Arc<AtomicBool>,
    }

    impl Entropy for Numbered {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
            self.lengths.lock().push(buffer.len());
            buffer.fill(self.call.fetch_add(1, Ordering::Relaxed) + 1);
            if self.is_broken.load(Ordering::Relaxed) { Err(EntropyError::new("broken")) } else { Ok(()) }
        }
    }

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    #[test]
    fn tokens_far_apart_ask_for_what_they_need_and_leave_nothing() {
        let entropy = Numbered::default();
        let supply = Supply::new(entropy.clone());
        for number in 0..5 {
            assert_eq!(supply.draw(at(number * FRESH)).unwrap(), [number as u8 + 1; 32]);
            assert_eq!(supply.ahead.lock().bytes, [0; AHEAD]);
        }
        assert_eq!(*entropy.lengths.lock(), [32; 5]);
    }

    #[test]
    fn tokens_close_together_share_a_call() {
        let entropy = Numbered::default();
        let supply = Supply::new(entropy.clone());
        // The first is alone, and then there are the bytes of 2, 4, 8, 16, 32 and again of 32 tokens.
        let calls: Vec<u8> = (0..95).map(|_| supply.draw::<32>(at(0)).unwrap()[0]).collect();
        let expected = [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 32)];
        assert_eq!(calls, expected.map(|(call, tokens)| vec![call; tokens]).concat());
        assert_eq!(*entropy.lengths.lock(), [32, 64, 128, 256, 512, AHEAD, AHEAD]);
    }

    #[test]
    fn what_was_given_out_is_wiped() {
        let supply = Supply::new(Numbered::default());
        let _alone: [u8; 16] = supply.draw(at(0)).unwrap();
        let _first: [u8; 16] = supply.draw(at(0)).unwrap();
        assert_eq!(supply.ahead.lock().bytes[15..32], [&[2], [0; 16].as_slice()].concat());
    }

    #[test]
    fn what_has_waited_for_too_long_is_never_used() {
        for later in [at(2 + FRESH), at(0)] {
            let supply = Supply::new(Numbered::default());
            let draw = |now| supply.draw::<32>(now).unwrap()[0];
            assert_eq!([draw(at(1)), draw(at(2)), draw(at(2))], [1, 2, 2]);
            assert_eq!(draw(later), 3, "also where the clock was set back");
            assert_eq!(supply.ahead.lock().bytes, [0; AHEAD]);
        }
    }

    #[test]
    fn a_generator_that_fails_gives_nothing_and_is_asked_anew() {
        let entropy = Numbered::default();
        let supply = Supply::new(entropy.clone());
        assert!(supply.draw::<32>(at(0)).is_ok());
        entropy.is_broken.store(true, Ordering::Relaxed);
        assert!(supply.draw::<32>(at(0)).is_err() && supply.draw::<32>(at(0)).is_err());
        entropy.is_broken.store(false, Ordering::Relaxed);
        assert_eq!(supply.draw(at(0)).unwrap(), [4; 32]);
    }

    #[test]
    fn threads_never_get_the_same_bytes() {
        let supply = Arc::new(Supply::default());
        let draw = |_| {
            let supply = Arc::clone(&supply);
            thread::spawn(move || (0..20_000).map(|_| supply.draw(at(0)).unwrap()).collect::<Vec<[u8; 16]>>())
        };
        let threads = [(); 4].map(draw);
        let draws: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(draws.len(), 80_000);
    }
}
