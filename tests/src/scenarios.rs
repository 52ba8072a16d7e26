//! Scenarios that hold on every store too. Each expects what it says of a running server, and
//! panics where it is not so.

pub mod devices;
pub mod flashes;
pub mod flows;
pub mod limits;
pub mod login;
pub mod logout;
pub mod races;
pub mod tokens;
