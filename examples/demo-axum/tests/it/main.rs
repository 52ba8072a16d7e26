//! The demo as `cargo run` builds it.

#[cfg(not(feature = "redis"))]
mod features;
