//! Runs what the pages of the guide show.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod log;
