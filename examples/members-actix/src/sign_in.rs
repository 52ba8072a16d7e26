//! What happens when somebody has proven who they are.

use std::time::Duration;

use sessions_actix::{Device, Key, Login, local_path};
use sessions_actix::{Error, sessions_core::Session};

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

/// Signs a user in.
pub(crate) fn sign_in(session: &Session, user: &UserId, device: &Device, stay: Stay) -> Result<(), Error> {
    let login = Login::new(user.as_principal());
    session.login(match stay {
        Stay::Short => login,
        Stay::Remembered => login.remember(REMEMBERED),
    })?;
    DEVICE.set(session, device)
}

/// Returns where to go after signing in: the page that was asked for, or else the account.
///
/// `next` comes from a link that anybody may have made, so it must not lead to another site.
pub(crate) fn destination(next: Option<&str>) -> &str {
    next.and_then(local_path).unwrap_or("/account")
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
