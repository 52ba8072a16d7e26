//! The extractor for pages of members.

use std::ops::Deref;
use std::time::Duration;

use axum::RequestPartsExt;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sessions_axum::SignedIn;
use sessions_axum::sessions_core::Session;

use crate::app::App;
use crate::error::Error;
use crate::sign_in::UNPROVEN;
use crate::users::User;

/// A signed-in visitor, with what the database knows of them. It dereferences to their session.
///
/// Everybody else does not reach the handler: [`SignedIn`] sends them to the login page.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) user: User,
    signed_in: SignedIn,
}

impl Member {
    /// Checks that the member proved who they are less than `time` ago. Others have to confirm it.
    ///
    /// In place of [`SignedIn::within`], for which a login at the provider is always a proof.
    pub(crate) fn within(&self, time: Duration) -> Result<(), Error> {
        let is_unproven = UNPROVEN.get(self)?.is_some();
        // Nobody has proven anything less than no time ago.
        Ok(self.signed_in.within(if is_unproven { Duration::ZERO } else { time })?)
    }
}

impl Deref for Member {
    type Target = Session;

    fn deref(&self) -> &Self::Target {
        self.signed_in.session()
    }
}

impl FromRequestParts<App> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let signed_in: SignedIn = parts.extract_with_state(app).await?;
        let user = match signed_in.principal().parse() {
            Ok(id) => app.users.find(id).await?,
            Err(_) => None,
        };
        match user {
            Some(user) => Ok(Self { user, signed_in }),
            None => {
                signed_in.session().destroy();
                Err(Error::UserGone)
            }
        }
    }
}
