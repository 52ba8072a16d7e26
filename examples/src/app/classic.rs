//! The routes of go-sessions' overview example.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sessions_core::{Error, Key, Session};

use super::devices::REMEMBER;
use super::{Reply, Request};

const BUSINESS: Key<Vec<Business>> = Key::new("businessEdit");

#[derive(Serialize, Deserialize)]
struct Business {
    name: String,
}

pub(super) fn set(session: &Session) -> Result<Reply, Error> {
    session.set("name", "iris")?;
    Ok(Reply::text(format!("All ok session set to: {}", session.lenient("name").text().unwrap_or_default())))
}

pub(super) fn get(session: &Session) -> Reply {
    Reply::text(format!("The name on the /set was: {}", session.lenient("name").text().unwrap_or_default()))
}

pub(super) fn delete(session: &Session) -> Reply {
    session.remove("name");
    Reply::text("ok")
}

pub(super) fn clear(session: &Session) -> Reply {
    session.clear();
    Reply::text("ok")
}

/// Restarts the idle timeout of a session that exists.
pub(super) fn update(session: &Session) -> Result<Reply, Error> {
    if !session.is_new() {
        session.shift_expiration()?;
    }
    Ok(Reply::text("ok"))
}

/// Replaces the idle timeout of a session that exists.
pub(super) fn expire(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    let Some(idle) = request.duration("after").filter(|idle| REMEMBER.contains(idle)) else {
        return Ok(Reply::refusal(400, "after is not a time of at most 400 days; try /expire?after=10m"));
    };
    if session.is_new() {
        return Ok(Reply::refusal(409, "there is no session yet"));
    }
    session.update_expiration(idle)?;
    Ok(Reply::text("ok"))
}

pub(super) fn destroy(session: &Session) -> Reply {
    session.destroy();
    Reply::text("ok")
}

pub(super) fn set_immutable(session: &Session) -> Result<Reply, Error> {
    let business = ["Edward", "value 2"].map(|name| Business { name: name.to_owned() });
    BUSINESS.set_immutable(session, business.as_slice())?;
    // From now on a plain `set` of the entry is refused.
    let refused = BUSINESS.set(session, [Business { name: "Gabriel".to_owned() }].as_slice()).is_err();
    Ok(Reply::text(if refused { "ok" } else { "an immutable entry was replaced" }))
}

pub(super) fn get_immutable(session: &Session) -> Result<Reply, Error> {
    // As JSON, since `/put?k=businessEdit` can write anything there, and a mismatch of types would
    // be logged as a fault of this program.
    let stored = session.get::<Value>(BUSINESS.name())?.unwrap_or_else(|| Value::Array(Vec::new()));
    let Ok(list) = serde_json::from_value::<Vec<Business>>(stored) else {
        return Ok(Reply::refusal(409, "another value is stored there; /set_immutable replaces it"));
    };
    Ok(Reply::text(match list.into_iter().next() {
        Some(business) => format!("[]businessModel[0].Name remains: {}", business.name),
        None => "please navigate to the /set_immutable first".to_owned(),
    }))
}
