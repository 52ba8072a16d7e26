//! Writes that overlap, increment, fail and panic.

use sessions_core::{Error, Session};

use super::{Reply, Request, Wait};

/// Waits between loading and writing, so that other requests can overlap.
pub(super) async fn put(request: Request<'_>, session: &Session, wait: Wait) -> Result<Reply, Error> {
    request.pause(wait).await;
    session.set(&request.key(), &request.parameter("v").unwrap_or_default())?;
    Ok(Reply::text("ok"))
}

pub(super) fn increment(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    let by = request.parameter("by").map_or(Ok(1), |text| text.parse());
    let Ok(by) = by else { return Ok(Reply::refusal(400, "by is not an integer")) };
    Ok(Reply::text(session.increment(&request.key(), by)?.to_string()))
}

/// Writes, then fails, which drops the write.
pub(super) fn fail(session: &Session) -> Result<Reply, Error> {
    session.set("failed", &true)?;
    Ok(Reply::refusal(500, "failed as requested"))
}

/// Writes, then panics, which drops the write.
pub(super) fn panic(session: &Session) -> Result<Reply, Error> {
    session.set("panicked", &true)?;
    panic!("panicked as requested");
}
