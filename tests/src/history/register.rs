//! Linearizability of a register in which each value is written once.
//!
//! Gibbons and Korach, *Testing shared memories* (1997): for each value, take the interval from the
//! first end to the last begin of its write and reads. If its end is after its start, the register
//! must have held the value throughout. No two such intervals may overlap, and all requests of
//! another value may not lie within one.

use std::collections::BTreeMap;

/// The writes and reads of one register, by value. `None` is its initial value.
#[derive(Debug)]
pub(super) struct Register {
    values: BTreeMap<Option<String>, Life>,
}

/// The requests that wrote or read one value.
#[derive(Debug, Default)]
struct Life {
    /// When its write began. `None` if it was never written.
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

    /// Returns the interval in which the register must have held the value, if any.
    fn forward(&self) -> Option<(u64, u64)> {
        self.first_end.map(|end| (end, self.last_begin)).filter(|(from, to)| from < to)
    }
}

/// Returns an error that describes why a register is not linearizable.
pub(super) fn is_linearizable(register: &Register) -> Result<(), String> {
    // A write that was neither answered nor read may not have been carried out.
    let lives: Vec<_> = register.values.iter().filter(|(_, life)| life.is_certain || life.is_read).collect();
    for (value, life) in &lives {
        match life.written {
            None => return Err(format!("{value:?} was read but never written")),
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
