//! The middleware, the extractor and the explicit calls, between actix-web and core.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]

mod default;
mod dropped;
mod endings;
mod explicit;
mod failures;
mod faulty;
mod gates;
mod http2;
mod log;
mod nesting;
mod preflight;
mod requests;
mod spawned;
mod support;
