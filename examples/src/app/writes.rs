//! Writes that overlap, add up, fail and panic.

use sessions_core::{Error, Session};

use super::{Reply, Request, Wait};

/// Waits between loading and writing, so that other requests come in between.
pub(super) async fn put(request: Request<'_>, session: &Session, wait: Wait) -> Result<Reply, Error> {
    request.pause(wait).await;
    session.set(&request.key(), &request.parameter("v").unwrap_or_default())?;
    Ok(Reply::text("ok"))
}

pub(super) fn increment(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    let by = request.parameter("by").map_or(Ok(1), |text| text.parse());
    let Ok(by) = by else { return Ok(Reply::refusal(400, "by is not a whole number")) };
    Ok(Reply::text(session.increment(&request.key(), by)?.to_string()))
}

/// Writes, then fails: what was written is dropped.
pub(super) fn fail(session: &Session) -> Result<Reply, Error> {
    session.set("failed", &true)?;
    Ok(Reply::refusal(500, "failed, as asked"))
}

/// Writes, then panics: what was written is dropped.
pub(super) fn panic(session: &Session) -> Result<Reply, Error> {
    session.set("panicked", &true)?;
    panic!("asked to panic");
}
