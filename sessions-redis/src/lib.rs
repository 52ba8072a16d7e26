#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod address;
mod call;
mod commit;
mod error;
mod fields;
mod index;
mod keys;
mod link;
mod options;
mod query;
mod refusal;
mod runtime;
mod scan;
mod shared;
mod store;

pub use error::{OpenError, OpenErrorKind};
pub use link::Connection;
pub use options::RedisBuilder;
pub use store::RedisStore;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
