//! Sessions that are begun without a request, with their cookies and tokens.

use sessions_store::SessionId;

use super::Session;
use crate::error::{Error, ErrorKind};
use crate::manager::{Login, Sessions};

/// A session that was begun without a request, with its cookie and token.
///
/// Whoever has it is signed in: give it only to its client. `Debug` does not show the token.
#[derive(Clone)]
#[must_use]
pub struct Issued {
    id: SessionId,
    set_cookie: String,
}

impl Sessions {
    /// Signs a principal in without a request, and returns the new session's cookie and token.
    ///
    /// For an application's tests, for [bearer tokens](crate::SessionsBuilder::bearer), and for
    /// moving users over from another library.
    ///
    /// ```
    /// use sessions_core::{Session, Sessions};
    ///
    /// # pollster::block_on(async {
    /// let sessions = Sessions::builder().build()?;
    /// let issued = sessions.issue("ann").await?;
    ///
    /// // A client sends the cookie.
    /// let session = sessions.open().session([issued.cookie().as_bytes()]).await?;
    /// assert_eq!(session.principal().as_deref(), Some("ann"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`Session::login`] and [`Session::save`].
    pub async fn issue(&self, login: impl Into<Login>) -> Result<Issued, Error> {
        self.issue_with(login, |_| Ok(())).await
    }

    /// Signs a principal in like [`issue`](Self::issue), and lets `fill` write to the new session.
    ///
    /// # Errors
    ///
    /// Same as [`issue`](Self::issue), the error of `fill`, and [`NoSession`](ErrorKind::NoSession)
    /// if `fill` destroys the session. Nothing is stored then.
    pub async fn issue_with(
        &self,
        login: impl Into<Login>,
        fill: impl FnOnce(&Session) -> Result<(), Error>,
    ) -> Result<Issued, Error> {
        let exchange = self.open();
        let session = exchange.session([]).await?;
        session.login(login)?;
        // The writes do not count as unsaved: the caller gets the error.
        fill(&session).inspect_err(|_| drop(exchange.abandon()))?;
        let mut headers = exchange.end(200).await?;
        match (session.id(), headers.take_set_cookie()) {
            (Some(id), Some(set_cookie)) => Ok(Issued { id, set_cookie }),
            _ => Err(Error::with_source(ErrorKind::NoSession, "`fill` has destroyed the new session")),
        }
    }
}

impl Issued {
    /// Returns the session's public id.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Returns the cookie as a client sends it in its `Cookie` header: `name=value`.
    #[must_use]
    pub fn cookie(&self) -> &str {
        self.set_cookie.split(';').next().unwrap_or_default()
    }

    /// Returns the value of a `Set-Cookie` header that gives the session to a browser.
    ///
    /// Send `Cache-Control: no-store` with it.
    #[must_use]
    pub fn set_cookie(&self) -> &str {
        &self.set_cookie
    }

    /// Returns the token, which a client sends as `Authorization: Bearer …`.
    ///
    /// Only a manager that was built with [`bearer`](crate::SessionsBuilder::bearer) accepts it.
    #[must_use]
    pub fn token(&self) -> &str {
        self.cookie().split_once('=').map_or("", |(_, token)| token)
    }
}

impl Session {
    /// Returns the token of a request that came with a bearer token.
    ///
    /// A renewal replaces it, and no cookie carries the new one: after [`login`](Self::login),
    /// [`confirm`](Self::confirm) or [`renew`](Self::renew) [`save`](Self::save) the session, and
    /// give the client this token in the response's body. Before the save, this is still the old
    /// token. Returns `None` for a session from a cookie and for one that has ended.
    ///
    /// # Errors
    ///
    /// Returns [`Seal`](ErrorKind::Seal) if the token cannot be sealed.
    pub fn bearer_token(&self) -> Result<Option<String>, Error> {
        let token = {
            let state = self.shared.lock();
            state.live().filter(|_| state.by_bearer()).map(|live| live.token.clone())
        };
        token.map(|token| self.shared.sessions.cookie_form().token_text(&token)).transpose()
    }
}

redacted!(Issued { id });
