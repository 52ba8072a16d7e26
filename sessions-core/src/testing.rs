//! For the tests of applications and stores: a clock that is set by hand, and failing randomness.

use std::io;

pub use crate::platform::ManualClock;

use crate::manager::SessionsBuilder;

/// Replaces the operating system's random bytes, to test what happens when it has none.
///
/// Tokens made from predictable bytes can be guessed: never use this outside tests.
///
/// ```
/// use std::io;
/// use sessions_core::{ErrorKind, Sessions, testing};
///
/// # pollster::block_on(async {
/// let builder = testing::with_entropy(Sessions::builder(), |_| Err(io::Error::other("none")));
/// let sessions = builder.build()?;
/// let session = sessions.open().session([]).await?;
/// session.set("name", "iris")?;
/// assert_eq!(session.save().await.unwrap_err().kind(), ErrorKind::Entropy);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn with_entropy(builder: SessionsBuilder, fill: fn(&mut [u8]) -> io::Result<()>) -> SessionsBuilder {
    builder.with_entropy(fill)
}
