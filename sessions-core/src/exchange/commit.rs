//! How a request ends: the store operations, and the headers of the response.

mod create;
mod destroy;
mod driver;
mod error;
mod limit;
mod sign_in;
mod update;

pub use error::CommitError;

pub(super) use driver::Question;
pub(crate) use driver::{save, take_turn, take_turn_for};

use std::sync::Arc;

use driver::{Driver, Occasion, Step};
use sessions_store::MaybeReady;

use crate::exchange::response::SessionHeaders;
use crate::exchange::shared::Shared;

/// The commit of one request: the future that [`Exchange::end`](crate::adapter::Exchange::end)
/// returns.
///
/// Nothing is saved unless it is awaited. It is [ready](MaybeReady::try_ready) at once if there is
/// nothing to write or the store answers at once.
pub type Commit = MaybeReady<Result<SessionHeaders, CommitError>>;

/// Commits before the response headers are sent. `drops_writes` drops the request's writes, except
/// a destroy and a renewal.
pub(super) fn begin(shared: Arc<Shared>, drops_writes: bool) -> Commit {
    let mut driver = Driver::new(shared, Occasion::Headers { drops_writes });
    match driver.begin() {
        Some(Ok(Step::Done(headers))) => Commit::ready(Ok(headers)),
        Some(Err(error)) => Commit::ready(driver.finish(Err(error))),
        begun => Commit::new(async move {
            let result = driver.run(begun).await;
            driver.finish(result)
        }),
    }
}
