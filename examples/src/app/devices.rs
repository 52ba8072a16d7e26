//! Signing in and out, here and everywhere else.

use std::cmp::Reverse;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;
use sessions_core::{self as core, Error, Key, Login, Session, SessionId, SessionInfo, Timestamp};

use super::{Reply, Request, Wait};

/// The device that signed in.
pub(super) const DEVICE: Key<core::Device> = Key::new("device");

/// How long a login can be remembered. Browsers keep no cookie for longer than 400 days.
pub(super) const REMEMBER: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(400 * 24 * 60 * 60);

/// Who is signed in. Times are milliseconds since the Unix epoch.
#[derive(Serialize)]
struct WhoAmI {
    id: Option<SessionId>,
    user: Option<String>,
    is_new: bool,
    signed_in_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
}

/// A line of a "your devices" page. Times are milliseconds since the Unix epoch.
#[derive(Serialize)]
pub(super) struct Device {
    pub(super) id: SessionId,
    created: Timestamp,
    pub(super) last_seen: Timestamp,
    signed_in_at: Option<Timestamp>,
    pub(super) current: bool,
    pub(super) device: Option<core::Device>,
}

/// Signs in the visitor, whose token is replaced.
pub(super) async fn login(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    let login = match requested_login(request) {
        Ok(login) => login,
        Err(refusal) => return Ok(refusal),
    };
    session.login(login)?;
    store_device(request, session)?;
    renewed(session).await
}

/// Signs in a client without a cookie jar, which sends the token as `Authorization: Bearer`.
pub(super) async fn login_without_cookie(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    let login = match requested_login(request) {
        Ok(login) => login,
        Err(refusal) => return Ok(refusal),
    };
    let exchange = session.exchange();
    let issued = exchange.sessions().issue_with(login, |session| store_device(request, session)).await?;
    Ok(Reply::token(issued.token()))
}

fn store_device(request: Request<'_>, session: &Session) -> Result<(), Error> {
    match request.device.filter(|device| device.user_agent().is_some()) {
        Some(device) => DEVICE.set(session, device),
        None => Ok(()),
    }
}

/// Reads from a request who signs in, and for how long. A real application checks a password here.
fn requested_login(request: Request<'_>) -> Result<Login, Reply> {
    let user = request.parameter("user").filter(|user| !user.is_empty());
    let login = Login::new(user.ok_or_else(|| Reply::refusal(400, "user is missing; try /login?user=ann"))?);
    if request.parameter("remember").is_none() {
        return Ok(login);
    }
    match request.duration("remember").filter(|remember| REMEMBER.contains(remember)) {
        Some(remember) => Ok(login.remember(remember)),
        None => Err(Reply::refusal(400, "remember is not a time of at most 400 days; try remember=30d")),
    }
}

/// Records that it is still the same visitor, whose token is replaced. A real application checks
/// the password again.
pub(super) async fn confirm(session: &Session) -> Result<Reply, Error> {
    session.confirm()?;
    renewed(session).await
}

/// Answers a request that replaces the token. A client without a cookie jar gets the new one in
/// the body.
async fn renewed(session: &Session) -> Result<Reply, Error> {
    if session.bearer_token()?.is_none() {
        return Ok(Reply::text("ok"));
    }
    session.save().await?;
    Ok(Reply::token(&session.bearer_token()?.unwrap_or_default()))
}

/// Waits before answering, so that a client can disconnect after the session was destroyed.
pub(super) async fn logout(request: Request<'_>, session: &Session, wait: Wait) -> Reply {
    session.destroy();
    request.pause(wait).await;
    Reply::text("ok")
}

pub(super) fn whoami(session: &Session) -> Reply {
    Reply::json(&WhoAmI {
        id: session.id(),
        user: session.principal(),
        is_new: session.is_new(),
        signed_in_at: session.signed_in_at(),
        ends_at: session.expires_at(),
    })
}

pub(super) async fn list(session: &Session) -> Result<Reply, Error> {
    Ok(Reply::json(&of(session).await?))
}

/// Returns where the visitor is signed in, this session first.
pub(super) async fn of(session: &Session) -> Result<Vec<Device>, Error> {
    if session.principal().is_none() {
        return Ok(Vec::new());
    }
    let sessions = session.devices().await?;
    let device = |info: &SessionInfo| {
        Device {
            id: info.id(),
            created: info.created_at(),
            last_seen: info.last_seen_at(),
            signed_in_at: info.signed_in_at(),
            current: Some(info.id()) == session.id(),
            // `/put?k=device` can write anything there.
            device: info.get(DEVICE.name()).unwrap_or_default(),
        }
    };
    let mut devices: Vec<Device> = sessions.iter().map(device).collect();
    devices.sort_unstable_by_key(|device| (!device.current, Reverse(device.last_seen)));
    Ok(devices)
}

pub(super) async fn logout_others(session: &Session) -> Result<Reply, Error> {
    // Who is not signed in has no other sessions.
    if session.principal().is_some() {
        session.destroy_others().await?;
    }
    Ok(Reply::text("ok"))
}

/// Ends the session with the id in the parameter `id`, if it is one of the visitor's.
pub(super) async fn logout_device(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    let Some(id) = request.parameter("id").and_then(|text| text.parse::<SessionId>().ok()) else {
        return Ok(Reply::refusal(400, "id is not the id of a session; /sessions lists them"));
    };
    match session.destroy_device(id).await? {
        true => Ok(Reply::text("ok")),
        false => Ok(Reply::refusal(404, "no such session of yours")),
    }
}
