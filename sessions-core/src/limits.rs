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
