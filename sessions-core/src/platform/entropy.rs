//! Where random bytes come from.

use std::error::Error;
use std::fmt;

/// Fills buffers with bytes that nobody can predict.
///
/// The default asks the operating system. There is no fallback: where it fails, no session is
/// created and no token is issued.
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills `buffer` with random bytes. It is asked once for each token.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes cannot be had; `buffer` must then not be used.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// Asks the operating system for random bytes.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "made by writing its name")]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).map_err(EntropyError::new)
    }
}

/// Says that random bytes could not be had.
#[derive(Debug)]
pub struct EntropyError {
    source: Box<dyn Error + Send + Sync>,
}

impl EntropyError {
    /// Wraps the cause of the failure.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no random bytes to be had")
    }
}

impl Error for EntropyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
