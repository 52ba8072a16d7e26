//! Signing in and out, here and everywhere else.

use serde::Serialize;
use sessions_core::{self as core, Error, Key, Session};

use super::{Reply, Request, Wait};

/// The device that signed in.
pub(super) const DEVICE: Key<core::Device> = Key::new("device");

#[derive(Serialize)]
struct WhoAmI {
    id: Option<String>,
    user: Option<String>,
    is_new: bool,
}

/// A line of a "your devices" page. Times are milliseconds since the Unix epoch.
#[derive(Serialize)]
struct Device {
    id: String,
    created: u64,
    last_seen: u64,
    current: bool,
    device: Option<core::Device>,
}

pub(super) fn login(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    // A real application checks a password here.
    match request.parameter("user").filter(|user| !user.is_empty()) {
        Some(user) => {
            session.login(&user)?;
            if let Some(device) = request.device.filter(|device| device.user_agent().is_some()) {
                DEVICE.set(session, device)?;
            }
            Ok(Reply::text("ok"))
        }
        None => Ok(Reply::refusal(400, "user is missing; try /login?user=ann")),
    }
}

/// Waits before answering, so that a client can disconnect after the session was destroyed.
pub(super) async fn logout(request: Request<'_>, session: &Session, wait: Wait) -> Reply {
    session.destroy();
    request.pause(wait).await;
    Reply::text("ok")
}

pub(super) fn whoami(session: &Session) -> Reply {
    Reply::json(&WhoAmI {
        id: session.id().map(|id| id.to_string()),
        user: session.principal(),
        is_new: session.is_new(),
    })
}

pub(super) async fn list(session: &Session) -> Result<Reply, Error> {
    let sessions = match session.principal() {
        Some(user) => session.exchange().sessions().sessions_of(&user).await?,
        None => Vec::new(),
    };
    let devices: Vec<Device> = sessions
        .iter()
        .map(|info| {
            Ok(Device {
                id: info.id().to_string(),
                created: info.created().as_millis(),
                last_seen: info.last_seen().as_millis(),
                current: Some(info.id()) == session.id(),
                device: info.get(DEVICE.name())?,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Reply::json(&devices))
}

pub(super) async fn logout_others(session: &Session) -> Result<Reply, Error> {
    session.destroy_others().await?;
    Ok(Reply::text("ok"))
}
