//! The extractor for pages of members.

use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use sessions_actix::SignedIn;
use sessions_actix::sessions_core::Session;

use crate::app::AppState;
use crate::error::Error;
use crate::users::{User, UserId};

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

impl FromRequest for Member {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let signed_in = SignedIn::from_request(request, payload);
        let state = Data::<AppState>::from_request(request, payload);
        Box::pin(async move {
            let (signed_in, state) = (signed_in.await?, state.await?);
            Ok(Self::find(signed_in, &state).await?)
        })
    }
}

impl Member {
    async fn find(signed_in: SignedIn, state: &AppState) -> Result<Self, Error> {
        match state.users.find(&UserId::of_principal(signed_in.principal())).await? {
            Some(user) => Ok(Self { user, signed_in }),
            None => {
                signed_in.session().destroy();
                Err(Error::UserGone)
            }
        }
    }
}
