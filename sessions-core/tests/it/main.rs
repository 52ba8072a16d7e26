//! The promises of a session, from the first cookie to the logout, without HTTP.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod async_store;
mod bearer;
mod beside_commits;
mod caching;
mod concurrency;
mod cookies;
mod cross_origin;
mod data;
mod devices;
mod events;
mod expiry;
mod failures;
mod gates;
mod guards;
mod issue;
mod late;
mod lifecycle;
mod limits;
mod log;
mod logins;
mod logout;
mod options;
mod overtaken;
mod plain_http;
mod promises;
mod redaction;
mod rotation;
mod saving;
#[cfg(feature = "seal")]
mod sealing;
mod signing;
mod superseded;
mod support;
mod under_way;
mod values;
