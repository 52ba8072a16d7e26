#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod address;
mod engine;
mod error;
mod keys;
mod link;
mod options;
mod principals;
mod refusal;
mod scan;
mod scripts;
mod walk;

pub use engine::{Redis, RedisStore};
pub use link::Connection;
pub use options::RedisBuilder;
/// The version whose clients and connections a builder takes.
pub use redis;
pub use sessions_remote::{OpenError, OpenErrorKind};

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
