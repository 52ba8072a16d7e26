//! The random values of one sign-in.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::OAuthError;

/// What binds a sign-in to the browser that began it, kept in its session.
///
/// The provider returns the `state` through the browser, so an answer that was made for another
/// browser does not fit. The verifier is proof towards the provider, which got its hash before
/// (PKCE, RFC 7636): a stolen code is worth nothing without it.
#[derive(Deserialize, Serialize)]
pub(crate) struct Secrets {
    state: String,
    verifier: String,
}

impl Secrets {
    pub(crate) fn random() -> Result<Self, OAuthError> {
        Ok(Self { state: random_text()?, verifier: random_text()? })
    }

    pub(super) fn state(&self) -> &str {
        &self.state
    }

    pub(super) fn verifier(&self) -> &str {
        &self.verifier
    }

    /// Returns the hash of the verifier, by the method `S256`.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier))
    }

    /// Returns whether an answer belongs to this sign-in.
    ///
    /// The comparison needs no constant time: a state is compared once, and then gone.
    pub(crate) fn fits(&self, state: Option<&str>) -> bool {
        state == Some(self.state.as_str())
    }
}

fn random_text() -> Result<String, OAuthError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| OAuthError::caused_by("there are no random bytes", error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Shows nothing.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let secrets = Secrets { state: String::new(), verifier };
        assert_eq!(secrets.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn only_its_own_state_fits() {
        let [one, other] = [Secrets::random().unwrap(), Secrets::random().unwrap()];
        assert!(one.fits(Some(&one.state)));
        assert!(!one.fits(Some(&other.state)) && !one.fits(Some("")) && !one.fits(None));
        assert_ne!(one.state, one.verifier);
    }
}
