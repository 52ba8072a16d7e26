//! How large a record may grow.

/// Is how much one record may hold.
///
/// The call that would exceed a limit gets the error, and the record stays as it is. Requests that write at the same time are
/// measured one by one, so together they may exceed a limit by what each of them was allowed; the next write is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Is the length of the record, in bytes.
    pub(crate) bytes: usize,
    /// Is the number of entries and flashes together.
    pub(crate) keys: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, keys: 256 }
    }
}

impl Limits {
    /// Says whether a record can be written that is as large as these allow: its length is 32 bits there, the number of its slots 16.
    pub(crate) fn fit_the_format(&self) -> bool {
        u32::try_from(self.bytes).is_ok() && u16::try_from(self.keys).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_end_where_the_format_does() {
        let fit = |bytes, keys| Limits { bytes, keys }.fit_the_format();
        let most = (u32::MAX as usize, usize::from(u16::MAX));
        assert!(fit(most.0, most.1));
        assert!(!fit(most.0, most.1 + 1));
        assert!(!most.0.checked_add(1).is_some_and(|bytes| fit(bytes, most.1)));
    }
}
