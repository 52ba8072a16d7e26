#![doc = include_str!("docs/crate.md")]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

pub mod cases;
mod fixtures;
mod macros;
mod race;
mod run;
mod setup;
mod subject;
mod wrap;

#[doc(hidden)]
pub use run::{run, run_apart};
pub use setup::{Damage, Setup};
pub use subject::{BlockOn, Subject, Task};
pub use wrap::{CountingStore, FailingStore, Failure, Gate, SlowStore, Verb};
