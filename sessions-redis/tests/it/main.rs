//! The store against real servers. What a test needs, it starts; where redis-server is not
//! installed, it says so and returns.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cluster;
mod commits;
mod conformance;
mod ending;
mod faults;
mod layout;
mod limits;
mod principals;
mod reaching;
mod silence;
mod support;
mod telling;
