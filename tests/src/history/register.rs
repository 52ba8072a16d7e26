//! Whether a register whose values are all written once is linearizable.
//!
//! Gibbons and Korach, *Testing shared memories* (1997): gather each value's write and reads, and
//! take the time from the first of them that ended to the last that began. If that time runs
//! forwards, the register must have held the value all along. No two such times may overlap, and no
//! value may have lived entirely within the time of another.

use std::collections::BTreeMap;

/// The writes and reads of one register, by value. No value is what it holds at first.
#[derive(Debug)]
pub(super) struct Register {
    values: BTreeMap<Option<String>, Life>,
}

/// The requests that wrote or read one value.
#[derive(Debug, Default)]
struct Life {
    /// When its write began. `None` if nobody wrote it.
    written: Option<u64>,
    /// When the first of its requests ended.
    first_end: Option<u64>,
    /// When the last of its requests began.
    last_begin: u64,
    is_read: bool,
    /// Whether its write was acknowledged.
    is_certain: bool,
}

impl Default for Register {
    fn default() -> Self {
        let nothing = Life { written: Some(0), first_end: Some(0), is_certain: true, ..Life::default() };
        Self { values: [(None, nothing)].into() }
    }
}

impl Register {
    /// Adds a write. One without an answer has no end.
    pub(super) fn write(&mut self, value: &str, begun: u64, ended: u64) {
        let life = self.values.entry(Some(value.to_owned())).or_default();
        (life.written, life.is_certain) = (Some(begun), ended != u64::MAX);
        life.include(begun, ended);
    }

    pub(super) fn read(&mut self, value: Option<&String>, begun: u64, ended: u64) {
        let life = self.values.entry(value.cloned()).or_default();
        life.is_read = true;
        life.include(begun, ended);
    }
}

impl Life {
    fn include(&mut self, begun: u64, ended: u64) {
        self.first_end = Some(self.first_end.map_or(ended, |first| first.min(ended)));
        self.last_begin = self.last_begin.max(begun);
    }

    /// Returns the time in which the register must have held the value, if there is any.
    fn forward(&self) -> Option<(u64, u64)> {
        self.first_end.map(|end| (end, self.last_begin)).filter(|(from, to)| from < to)
    }
}

/// Returns what is wrong with a register, if anything is.
pub(super) fn is_linearizable(register: &Register) -> Result<(), String> {
    // A write without an answer that nobody read may not have been done.
    let lives: Vec<_> = register.values.iter().filter(|(_, life)| life.is_certain || life.is_read).collect();
    for (value, life) in &lives {
        match life.written {
            None => return Err(format!("{value:?} was read, and nobody wrote it")),
            Some(written) if life.first_end.is_some_and(|end| end < written) => {
                return Err(format!("{value:?} was read before it was written"));
            }
            Some(_) => {}
        }
    }
    let mut forward: Vec<_> = lives.iter().filter_map(|(value, life)| Some((life.forward()?, *value))).collect();
    forward.sort_unstable();
    for pair in forward.windows(2) {
        if pair[1].0.0 < pair[0].0.1 {
            return Err(format!("{:?} and {:?} were held at once", pair[0].1, pair[1].1));
        }
    }
    for (value, life) in lives.iter().filter(|(_, life)| life.forward().is_none()) {
        let (from, to) = (life.last_begin, life.first_end.unwrap_or(u64::MAX));
        if let Some((_, other)) = forward.iter().find(|((start, end), _)| *start < from && to < *end) {
            return Err(format!("{value:?} was written while {other:?} was held"));
        }
    }
    Ok(())
}
