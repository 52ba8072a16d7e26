//! Schedules of requests: which step of which request runs when, as the bytes of an input choose.
//!
//! Nothing runs beside anything else: each step polls one future once, so an input always does the
//! same. The [`ledger`] records what the store did, and contains the promises that are checked.

mod ledger;
mod request;
mod steps;
mod store;
mod task;

pub use steps::run;
