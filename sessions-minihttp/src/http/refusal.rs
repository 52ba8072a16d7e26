//! Refusals: requests that the server rejects before any service sees them.

/// Why a request is refused. Its connection is then closed, since the start of the next request is
/// unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The bytes are not a request, or its end is ambiguous.
    Malformed,
    /// The head did not arrive in time.
    Slow,
    /// The head has too many bytes or headers.
    TooLarge,
    /// `CONNECT` asks for a tunnel, which only proxies provide.
    Tunnel,
    /// The body has a transfer coding other than `chunked`.
    UnknownCoding,
    /// The version is neither HTTP/1.0 nor HTTP/1.1.
    UnsupportedVersion,
}

impl Refusal {
    /// Returns the status of the response.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Slow => 408,
            Self::TooLarge => 431,
            Self::Tunnel | Self::UnknownCoding => 501,
            Self::UnsupportedVersion => 505,
        }
    }
}
