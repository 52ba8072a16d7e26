//! Scenarios that also run on every store. Each panics if its rule does not hold on a running
//! server.

pub mod devices;
pub mod flashes;
pub mod flows;
pub mod lifetimes;
pub mod limits;
pub mod login;
pub mod logout;
pub mod principals;
pub mod races;
pub mod rotation;
pub mod superseded;
pub mod tokens;
