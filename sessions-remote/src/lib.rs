#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod commits;
mod engine;
mod open_error;
mod options;
mod queue;
mod runtime;
mod shared;
mod store;
mod tries;
mod url;
mod writers;

pub use engine::{Answer, Engine, Failure, Swap, Values};
pub use open_error::{OpenError, OpenErrorKind};
pub use options::Options;
pub use runtime::{Background, caller, try_ends};
pub use store::{OpenByUrl, RemoteStore};
pub use tries::vary;
pub use url::{PERCENT_ENCODING, UrlOptions};
pub use writers::shows_write;
