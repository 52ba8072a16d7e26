//! The extractor for pages of members.

use std::ops::Deref;

use axum::RequestPartsExt;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sessions_axum::SignedIn;
use sessions_axum::sessions_core::Session;

use crate::app::App;
use crate::error::Error;
use crate::users::User;

/// A signed-in visitor, with what the database knows of them. It dereferences to their session.
///
/// Everybody else does not reach the handler: [`SignedIn`] sends them to the login page.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) user: User,
    pub(crate) signed_in: SignedIn,
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
