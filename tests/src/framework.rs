use std::fmt;

use crate::HangUp;

/// A framework whose demo is tested, with the allowed differences between frameworks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framework {
    /// `demo-axum`.
    Axum,
    /// `demo-actix`.
    Actix,
    /// `demo-hyper`.
    Hyper,
    /// `demo-minihttp`.
    Minihttp,
}

impl Framework {
    /// Returns the name of the demo's binary.
    #[must_use]
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Axum => "demo-axum",
            Self::Actix => "demo-actix",
            Self::Hyper => "demo-hyper",
            Self::Minihttp => "demo-minihttp",
        }
    }

    /// Returns whether a panicking handler leads to a 500.
    ///
    /// The others close the connection without a response.
    #[must_use]
    pub const fn responds_to_panics(self) -> bool {
        match self {
            Self::Minihttp => true,
            Self::Axum | Self::Actix | Self::Hyper => false,
        }
    }

    /// Returns whether a demo finishes pending requests when a signal ends it.
    ///
    /// may_minihttp has no such shutdown.
    #[must_use]
    pub const fn finishes_pending_requests(self) -> bool {
        match self {
            Self::Axum | Self::Actix | Self::Hyper => true,
            Self::Minihttp => false,
        }
    }

    /// Returns whether a response can be sent while its body is still being made.
    ///
    /// may_minihttp sends each body as a whole, so its streams of events have one event each.
    #[must_use]
    pub const fn streams_bodies(self) -> bool {
        match self {
            Self::Axum | Self::Actix | Self::Hyper => true,
            Self::Minihttp => false,
        }
    }

    /// Returns whether a handler is dropped when its client disconnects this way.
    ///
    /// actix-web takes a closed connection for a half-closed one, and the handler continues. In
    /// may_minihttp every handler runs to its end.
    #[must_use]
    pub const fn drops_handlers(self, hang_up: HangUp) -> bool {
        match (self, hang_up) {
            (Self::Axum | Self::Hyper, _) | (Self::Actix, HangUp::Reset) => true,
            (Self::Actix, HangUp::Close) | (Self::Minihttp, _) => false,
        }
    }
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.binary())
    }
}
