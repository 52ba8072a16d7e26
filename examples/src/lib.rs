//! What the four demos share: their options, and what their routes do.
//!
//! Each demo is only the wiring of one framework, short enough to be read as its quick start; see `src/bin`.

pub mod app;
mod options;
mod shutdown;
mod store;

pub use options::Options;
pub use shutdown::asked_to_end;

use std::io::Write as _;
use std::net::SocketAddr;

/// Prints where a demo listens.
pub fn announce(address: SocketAddr) {
    // Whoever started the demo may have closed its output already; that is no reason to stop.
    let _ = writeln!(std::io::stdout(), "listening on http://{address}");
}

/// Compiles what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
