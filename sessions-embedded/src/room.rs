//! Whether the disk has room, and how much the store may hold while it has none.

use std::time::{Duration, Instant};

use crate::capacity::{Capacity, Limits, Usage};
use crate::engine::{EngineError, EngineErrorKind};
use crate::reserve::Reserve;

/// While the disk is full, a part of what the store held when it filled up is given up each time that this proves too much.
const STEP: u64 = 32;
/// How long to wait before a full disk is asked again for a reserve.
const PAUSE: Duration = Duration::from_millis(50);
/// The part of the reserve that may be taken up by sessions that grow a little, such as by being signed in to.
const GROWTH: u64 = 4;

/// The limits of a store, which its disk may narrow.
///
/// A full disk is one that may hold no more than it held when it filled up: the *ceiling*. The reserve is released, and with it there is room
/// for whatever ends sessions. New ones have to make room for themselves, until the disk has room for a reserve again.
#[derive(Debug)]
pub(crate) struct Room {
    limits: Limits,
    reserve: Option<Reserve>,
    ceiling: Option<u64>,
    /// When the disk was last asked for a reserve.
    asked: Instant,
}

impl Room {
    /// Looks for the reserve, or makes one. Without it the store holds what it held when the disk filled up, or holds now.
    pub(crate) fn open(capacity: &Capacity, usage: Usage, ceiling: Option<u64>) -> Self {
        let reserve = capacity.reserve_file().map(|(path, bytes)| Reserve::new(path, bytes));
        let mut room = Self { limits: capacity.limits(), reserve, ceiling: None, asked: Instant::now() };
        if room.reserve.as_ref().is_some_and(|reserve| reserve.keep().is_err()) {
            room.ceiling = Some(ceiling.unwrap_or_else(|| room.limits.estimate(usage)));
        }
        room
    }

    pub(crate) const fn ceiling(&self) -> Option<u64> {
        self.ceiling
    }

    pub(crate) const fn is_scarce(&self) -> bool {
        self.ceiling.is_some()
    }

    /// Returns the limits that hold now.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = self.limits;
        if let Some(ceiling) = self.ceiling {
            let margin = self.reserve.as_ref().map_or(0, Reserve::bytes) / GROWTH;
            limits.max_bytes = limits.max_bytes.min(ceiling);
            limits.max_growth = ceiling.saturating_add(margin);
        }
        limits
    }

    /// Returns whether a write failed because the disk is full. Some engines do not say why one failed that they do in the background.
    pub(crate) fn explains(&self, error: &EngineError) -> bool {
        match error.kind() {
            EngineErrorKind::Full => true,
            EngineErrorKind::Unavailable => self.reserve.as_ref().is_some_and(Reserve::is_last),
            EngineErrorKind::Damaged => false,
        }
    }

    /// Releases the reserve, and lets the store hold no more than it does.
    pub(crate) fn narrow(&mut self, usage: Usage) {
        let Some(reserve) = &self.reserve else {
            return;
        };
        reserve.release();
        let held = self.limits.estimate(usage);
        self.ceiling = Some(match self.ceiling {
            Some(ceiling) if ceiling <= held => ceiling.min(held) - held.min(ceiling) / STEP,
            _ => held,
        });
        self.asked = Instant::now();
    }

    /// Returns when to ask for a reserve again, `None` if there is one.
    pub(crate) fn time_to_restoring(&self) -> Option<Duration> {
        self.is_scarce().then(|| PAUSE.saturating_sub(self.asked.elapsed()))
    }

    /// Makes a reserve again, if it is time to ask and the disk has room for one.
    pub(crate) fn restore(&mut self) {
        if self.time_to_restoring() != Some(Duration::ZERO) {
            return;
        }
        self.asked = Instant::now();
        if self.reserve.as_ref().is_none_or(|reserve| reserve.keep().is_ok()) {
            self.ceiling = None;
        }
    }
}
