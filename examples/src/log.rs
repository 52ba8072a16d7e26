//! The log of the demos and examples.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Writes what the crates log to stderr: as much as `RUST_LOG` asks for, `info` by default.
///
/// Without a subscriber nothing is written at all, and a store that is down is a blank 503.
pub fn start_log() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal()).init();
}
