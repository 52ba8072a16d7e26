//! Tests of the servers themselves: each starts, keeps its data, and ends.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod ending;
mod mariadb;
mod network;
mod pgbouncer;
mod postgres;
mod redis;
mod standby;
