//! The error with which a demo or an example ends.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// An error with its causes and what to do about it, in one line.
///
/// A `main` that returns `Result<(), Failure>` prints that line and exits with code 1. The standard
/// library prints an error of `main` with `Debug`, so this type's `Debug` output is the line.
pub struct Failure {
    error: Box<dyn Error>,
    context: Option<String>,
    advice: Option<String>,
}

impl Failure {
    /// Creates a failure from an error or a text.
    #[must_use]
    pub fn new(error: impl Into<Box<dyn Error>>) -> Self {
        Self { error: error.into(), context: None, advice: None }
    }

    /// Returns the failure of an example that cannot listen on its [`address`](crate::address).
    #[must_use]
    pub fn to_listen(address: SocketAddr, error: io::Error) -> Self {
        Self::new(error).context(format!("cannot listen on {address}")).advice("choose another port with PORT=8081")
    }

    /// Adds what failed because of the error, in place of an earlier context.
    #[must_use]
    pub fn context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(context) = &self.context {
            write!(f, "{context}: ")?;
        }
        write!(f, "{}", self.error)?;
        let mut source = self.error.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the file cannot be read")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn a_failure_is_one_line_with_all_causes() {
        let failure = Failure::from(Outer(io::Error::other("the disk is gone")));
        assert_eq!(format!("{failure:?}"), "the file cannot be read: the disk is gone");
        let failure = failure.context("cannot start").advice("insert a disk");
        assert_eq!(format!("{failure:?}"), "cannot start: the file cannot be read: the disk is gone; insert a disk");
    }

    #[test]
    fn a_text_is_a_failure_too() {
        assert_eq!(format!("{:?}", Failure::new("the server panicked")), "the server panicked");
    }
}
