//! The routes of go-sessions' own test suite, whose paths end with a slash.

use std::collections::BTreeMap;

use serde_json::Value;
use sessions_core::{Error, Session};

use super::devices::DEVICE;
use super::{Reply, Request};

pub(super) fn set(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    let Ok(values) = serde_json::from_slice::<BTreeMap<String, Value>>(request.body) else {
        return Ok(Reply::refusal(400, "the body is not a JSON object"));
    };
    for (key, value) in &values {
        session.set(key, value)?;
    }
    Ok(Reply::text("ok"))
}

pub(super) fn get(session: &Session) -> Result<Reply, Error> {
    entries(session)
}

pub(super) fn clear(session: &Session) -> Result<Reply, Error> {
    session.clear();
    entries(session)
}

pub(super) fn destroy(session: &Session) -> Result<Reply, Error> {
    session.destroy();
    entries(session)
}

pub(super) async fn destroy_all(session: &Session) -> Result<Reply, Error> {
    session.destroy();
    session.sessions().destroy_all().await?;
    entries(session)
}

fn entries(session: &Session) -> Result<Reply, Error> {
    let others = session.entries().into_iter().filter(|(key, _)| *key != DEVICE.name());
    let entries: BTreeMap<String, Value> =
        others.map(|(key, value)| Ok((key, value.get()?))).collect::<Result<_, Error>>()?;
    Ok(Reply::json(&entries))
}
