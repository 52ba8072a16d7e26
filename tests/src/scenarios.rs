//! Scenarios that also run on every store. Each panics if a running server violates its rule.

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
