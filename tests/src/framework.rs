use std::fmt;

use crate::HangUp;

/// A framework whose demo is tried, and everything in which it is allowed to differ from the
/// others.
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
    /// Names the demo's binary.
    #[must_use]
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Axum => "demo-axum",
            Self::Actix => "demo-actix",
            Self::Hyper => "demo-hyper",
            Self::Minihttp => "demo-minihttp",
        }
    }

    /// Tells whether a client whose handler panics gets a 500. The others close the connection
    /// without an answer.
    #[must_use]
    pub const fn answers_a_panic(self) -> bool {
        match self {
            Self::Minihttp => true,
            Self::Axum | Self::Actix | Self::Hyper => false,
        }
    }

    /// Tells whether a demo that is asked to end answers what is under way first. may_minihttp
    /// cannot be asked.
    #[must_use]
    pub const fn finishes(self) -> bool {
        match self {
            Self::Axum | Self::Actix | Self::Hyper => true,
            Self::Minihttp => false,
        }
    }

    /// Tells whether a handler is dropped when its client hangs up in this way. actix-web takes a
    /// closed connection for one that is closed in one direction, and lets the handler run on; in
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
