//! A Redis to try the application with. Leave this file out of your own.

use test_servers::{Server, installed};

/// Starts a Redis that is gone when the program ends.
pub(crate) fn start() -> Result<Server, &'static str> {
    if !installed() {
        return Err(MISSING);
    }
    tracing::warn!("no --redis: using a temporary Redis, whose users are gone when this program ends");
    Ok(Server::start())
}

const MISSING: &str = "there is no Redis to start: install it (on Debian `apt-get install redis-server`), or name a \
     running one with --redis redis://HOST";
