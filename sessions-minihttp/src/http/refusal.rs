//! Why the server refuses a request before any service sees it.

/// The reason why a request is refused. Its connection is closed then: the next request might begin
/// anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The bytes are no request, or its end is unclear.
    Malformed,
    /// The head did not arrive in time.
    Slow,
    /// The head has too many bytes or fields.
    TooLarge,
    /// The body has a transfer coding other than `chunked`.
    UnknownCoding,
    /// The version is neither HTTP/1.0 nor HTTP/1.1.
    UnsupportedVersion,
}

impl Refusal {
    /// Returns the status to answer with.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Slow => 408,
            Self::TooLarge => 431,
            Self::UnknownCoding => 501,
            Self::UnsupportedVersion => 505,
        }
    }
}
