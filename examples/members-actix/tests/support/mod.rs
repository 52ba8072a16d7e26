//! What both test binaries share: a Redis for each test.

use test_servers::{Server, installed};

/// Starts an empty Redis.
///
/// If none is installed, reports the test as skipped and returns `None`.
pub(crate) fn redis() -> Option<Server> {
    installed().then(Server::start)
}
