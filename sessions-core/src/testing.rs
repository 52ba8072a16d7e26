//! Test support for applications and stores: a manual clock and failing random bytes.

use std::io;

pub use crate::platform::ManualClock;

use crate::manager::SessionsBuilder;

/// Replaces the source of random bytes, to test its failure.
///
/// Tokens from predictable bytes can be guessed. Never use this outside tests.
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
