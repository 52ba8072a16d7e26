//! A server as clients see it over real sockets.

#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#![expect(clippy::needless_pass_by_value, reason = "services own their request, whether they need to or not")]

mod bodies;
mod connections;
mod failures;
mod framing;
mod gates;
mod headers;
mod heads;
mod minihttp;
mod sessions;
mod support;
mod waiting;
