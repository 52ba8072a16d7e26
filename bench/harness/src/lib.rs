//! Requests to every subject, and measurements of them.

pub mod actix;
pub mod allocations;
pub mod axum;
pub mod command_line;
mod route;
mod subject;

pub use route::{Route, read_without_session};
pub use subject::{Answer, Subject, Visitor};

/// Returns the URL of the Redis server that the runner started.
#[must_use]
pub fn redis_url() -> String {
    std::env::var("BENCH_REDIS").expect("BENCH_REDIS is the URL of a Redis server")
}

/// Returns whether the program runs under valgrind, about fifty times slower.
#[must_use]
pub fn is_under_valgrind() -> bool {
    std::env::var_os("BENCH_UNDER_VALGRIND").is_some()
}
