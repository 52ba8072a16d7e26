//! The store against real servers, which the tests start. Without them they print a notice.
#![cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clocks;
mod conformance;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod connecting;
#[cfg(feature = "postgres")]
mod faults;
#[cfg(feature = "sqlite")]
mod files;
#[cfg(feature = "sqlite")]
mod full_disk;
#[cfg(feature = "mysql")]
mod mariadb;
#[cfg(feature = "postgres")]
mod messages;
#[cfg(feature = "postgres")]
mod migrating;
#[cfg(feature = "postgres")]
mod pooling;
#[cfg(feature = "postgres")]
mod runtimes;
mod support;
#[cfg(feature = "postgres")]
mod table;
