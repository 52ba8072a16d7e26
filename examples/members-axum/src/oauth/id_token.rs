//! The id token of a sign-in: who has signed in at the provider, and when.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::OAuthError;

/// How many seconds the provider's clock may differ from ours.
const LEEWAY: u64 = 30;

/// How many seconds a sign-in at the provider may go on after the password.
const LONGEST: u64 = 5 * 60;

/// A time in seconds since 1970, as in the claims of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub(crate) struct Seconds(u64);

impl Seconds {
    pub(crate) fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// The claims that count here.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) sub: String,
    aud: Audience,
    exp: Seconds,
    /// When the user last entered their password, or whatever the provider asks for. Not every
    /// provider says so.
    auth_time: Option<Seconds>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// Reads a token that the provider itself has sent over TLS, which proves where it comes from
    /// as well as its signature would (OpenID Connect Core, section 3.1.3.7).
    pub(super) fn read(token: &str, issuer: &str, client_id: &str, now: Seconds) -> Result<Self, OAuthError> {
        let [_, payload, _] = token.split('.').collect::<Vec<_>>()[..] else {
            return Err(OAuthError::new("the id token does not have three parts"));
        };
        let malformed = "the id token is malformed";
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|error| OAuthError::caused_by(malformed, error))?;
        let claims: Self = serde_json::from_slice(&payload).map_err(|error| OAuthError::caused_by(malformed, error))?;
        let is_for_us = match &claims.aud {
            Audience::One(audience) => audience == client_id,
            // Another audience could use the token too, and is not trusted.
            Audience::Several(audiences) => matches!(&audiences[..], [audience] if audience == client_id),
        };
        match () {
            () if claims.iss != issuer => Err(OAuthError::new("the id token is of another issuer")),
            () if !is_for_us => Err(OAuthError::new("the id token is for another application")),
            () if claims.exp.plus(LEEWAY) <= now => Err(OAuthError::new("the id token has expired")),
            () => Ok(claims),
        }
    }

    /// Returns whether the user has proven to the provider who they are since `start`, and not long
    /// ago.
    ///
    /// A request can ask for that with `prompt=login` and `max_age=0`, but it goes through the
    /// browser, whose user may change it, or begin and go on later. So only the time that the
    /// provider states counts, and none is no proof.
    pub(super) fn proves_presence(&self, start: Seconds, now: Seconds) -> bool {
        self.auth_time.is_some_and(|time| time.plus(LEEWAY) >= start && time.plus(LONGEST + LEEWAY) >= now)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Seconds = Seconds(1_000_000);

    fn read(claims: &Value) -> Result<Claims, OAuthError> {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        Claims::read(&token, "https://login.example", "members", NOW)
    }

    fn claims() -> Value {
        json!({ "iss": "https://login.example", "sub": "7", "aud": "members", "exp": NOW.0 + 300 })
    }

    #[test]
    fn a_token_is_meant_for_this_application_now() {
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            read(&claims)
        };
        assert_eq!(read(&claims()).unwrap().sub, "7");
        assert!(with("aud", json!(["members"])).is_ok());
        assert!(with("exp", json!(NOW.0 - LEEWAY + 1)).is_ok());
        for (name, value) in [
            ("iss", json!("https://login.example/")),
            ("aud", json!("others")),
            ("aud", json!([])),
            ("aud", json!(["others", "members"])),
            ("exp", json!(NOW.0 - LEEWAY)),
            ("exp", json!(null)),
            ("sub", json!(null)),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
        for malformed in ["", "e30.e30", "e30.e30.e30.e30", "e30.?.e30", "e30.e30.e30"] {
            assert!(Claims::read(malformed, "", "", NOW).is_err(), "{malformed}");
        }
    }

    #[test]
    fn only_a_stated_time_proves_presence() {
        let proves = |auth_time: Option<u64>, now: u64| {
            let mut claims = claims();
            claims["auth_time"] = json!(auth_time);
            read(&claims).unwrap().proves_presence(NOW, Seconds(now))
        };
        let (start, earliest) = (NOW.0, NOW.0 - LEEWAY);
        assert!(proves(Some(start), start) && proves(Some(earliest), start) && proves(Some(u64::MAX), start));
        assert!(!proves(Some(earliest - 1), start) && !proves(Some(0), start) && !proves(None, start));
        let last = start + LONGEST + LEEWAY;
        assert!(proves(Some(start), last) && !proves(Some(start), last + 1));
    }
}
