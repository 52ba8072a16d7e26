//! The layer, the extractor and the explicit calls, in axum and in plain tower services.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod dropped;
mod explicit;
mod extract;
mod gates;
mod http2;
mod layer;
mod preflight;
mod spawned;
mod support;
mod tower_services;
