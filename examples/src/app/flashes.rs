//! Flash messages.

use std::collections::BTreeMap;

use serde_json::Value;
use sessions_core::{Error, Session};

use super::{Reply, Request, Wait};

pub(super) fn set(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    session.set_flash(&request.key(), &request.parameter("v").unwrap_or_default())?;
    Ok(Reply::text("ok"))
}

/// Waits between reading and answering, so that a login can overtake the request.
pub(super) async fn get(request: Request<'_>, session: &Session, wait: Wait) -> Reply {
    let text = session.lenient_flash(&request.key()).text().unwrap_or_default();
    request.pause(wait).await;
    Reply::text(text)
}

pub(super) fn peek(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    Ok(Reply::text(session.peek_flash::<String>(&request.key())?.unwrap_or_default()))
}

pub(super) fn all(session: &Session) -> Result<Reply, Error> {
    let flashes: BTreeMap<String, Value> =
        session.flashes().into_iter().map(|(key, value)| Ok((key, value.get()?))).collect::<Result<_, Error>>()?;
    Ok(Reply::json(&flashes))
}

pub(super) fn clear(session: &Session) -> Reply {
    session.clear_flashes();
    Reply::text("ok")
}
