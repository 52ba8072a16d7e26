//! The store against real servers, which the tests start. Without redis-server they print a notice.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cluster;
mod commits;
mod conformance;
mod connecting;
mod faults;
mod layout;
mod limits;
mod messages;
mod moving_slots;
mod principals;
mod rights;
mod shutdown;
mod silence;
mod support;
mod waits;
