//! What happens when somebody has proven who they are, whichever way they did.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sessions_axum::{Device, Key, Login, device, local_path};
use sessions_axum::{Error, sessions_core::Session};

use crate::app::App;
use crate::users::UserId;

/// How long "keep me signed in" lasts.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The device that signed in, for the page of devices.
pub(crate) const DEVICE: Key<Device> = Key::new("device");

/// How long a login lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stay {
    /// Until the browser closes, or the session expires.
    Short,
    /// For weeks, across restarts of the browser.
    Remembered,
}

impl Stay {
    /// Reads the value of a checkbox, which browsers send only if it is checked.
    pub(crate) const fn of_checkbox(value: Option<&String>) -> Self {
        if value.is_some() { Self::Remembered } else { Self::Short }
    }
}

/// Whether a user has just proven who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// They have entered a password, here or at the provider.
    Fresh,
    /// The provider knew them already, so whoever sits at their browser may be somebody else.
    Stale,
}

/// Set from a login without a fresh proof until there is one.
///
/// The session itself takes every login for a recent one.
pub(crate) const UNPROVEN: Key<bool> = Key::new("unproven");

/// Signs a user in.
pub(crate) fn sign_in(session: &Session, user: UserId, device: &Device, stay: Stay, proof: Proof) -> Result<(), Error> {
    let login = Login::new(user.to_string());
    session.login(match stay {
        Stay::Short => login,
        Stay::Remembered => login.remember(REMEMBERED),
    })?;
    match proof {
        Proof::Fresh => _ = UNPROVEN.remove(session),
        Proof::Stale => UNPROVEN.set(session, &true)?,
    }
    DEVICE.set(session, device)
}

/// Records that the signed-in user has just proven again who they are.
pub(crate) fn confirm(session: &Session) -> Result<(), Error> {
    UNPROVEN.remove(session);
    session.confirm()
}

/// Returns where to go after signing in: the page that was asked for, or else the account.
///
/// `next` comes from a link that anybody may have made, so it must not lead to another site.
pub(crate) fn destination(next: Option<&str>) -> &str {
    next.and_then(local_path).unwrap_or("/account")
}

/// An extractor of the device that sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Client(pub(crate) Device);

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(device(parts, &app.proxies)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destination_is_a_page_of_this_site() {
        assert_eq!(destination(Some("/devices?page=2")), "/devices?page=2");
        for elsewhere in [None, Some(""), Some("https://evil.example"), Some("//evil.example"), Some("/\\evil")] {
            assert_eq!(destination(elsewhere), "/account");
        }
    }
}
