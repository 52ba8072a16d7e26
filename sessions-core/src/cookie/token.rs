//! The token in the cookie, and the stored hash of its secret.

use sessions_store::{SecretHash, SessionId};
use sha2::{Digest, Sha256};

use crate::cookie::base64url;
use crate::error::{Error, ErrorKind};
use crate::platform::Entropy;

/// The credential in the cookie: a [`SessionId`] and a [`Secret`].
///
/// The id identifies the record, and the secret grants access to it. A token is 32 bytes, written
/// as 43 characters of base64url. It is never logged or stored; its `Debug` output shows only the
/// id.
#[derive(Clone)]
pub struct Token {
    id: SessionId,
    secret: Secret,
}

impl Token {
    /// Length of a token's text in characters.
    pub const TEXT_LENGTH: usize = 43;

    pub(crate) const fn new(id: SessionId, secret: Secret) -> Self {
        Self { id, secret }
    }

    /// Parses a token strictly: 43 base64url characters, no padding, unused bits zero.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let [id, secret] = base64url::decode(text.try_into().ok()?)?;
        Some(Self { id: SessionId::from_bytes(id), secret: Secret(secret) })
    }

    /// Encodes the token.
    pub(crate) fn text(&self) -> base64url::Text {
        base64url::encode(&[*self.id.as_bytes(), self.secret.0])
    }

    /// Compares two tokens. Not constant-time; use only for tokens from the same client.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.id == other.id && self.secret.0 == other.secret.0
    }

    /// Returns the session id, the public half.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Returns the secret, the private half.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// Generates both halves of a token, or one.
fn random_halves<const N: usize>(fill: Entropy) -> Result<[[u8; 16]; N], Error> {
    let mut halves = [[0; 16]; N];
    fill(halves.as_flattened_mut()).map_err(|error| Error::with_source(ErrorKind::Entropy, error))?;
    Ok(halves)
}

redacted!(Token { id });

/// The half of a [`Token`] that grants access to a session: 128 random bits.
///
/// OWASP asks for 64 bits of entropy, ASVS 7.2.3 for 128. Secrets are compared only as
/// [`SecretHash`], in constant time.
#[derive(Clone)]
pub struct Secret([u8; 16]);

impl Secret {
    #[cfg(test)]
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn random(entropy: Entropy) -> Result<Self, Error> {
        let [secret] = random_halves(entropy)?;
        Ok(Self(secret))
    }

    /// Generates an id and a secret with one request for random bytes.
    pub(crate) fn random_with_id(entropy: Entropy) -> Result<(SessionId, Self), Error> {
        let [id, secret] = random_halves(entropy)?;
        Ok((uuid::Builder::from_random_bytes(id).into_uuid().into(), Self(secret)))
    }

    /// Hashes the secret together with the session id.
    #[must_use]
    pub fn hash(&self, id: SessionId) -> SecretHash {
        SecretHash::from_bytes(Sha256::digest([*id.as_bytes(), self.0].as_flattened()).into())
    }
}

redacted!(Secret);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fill_random;

    fn token() -> Token {
        let (id, secret) = Secret::random_with_id(fill_random).unwrap();
        Token::new(id, secret)
    }

    fn text(token: &Token) -> String {
        token.text().as_str().to_owned()
    }

    #[test]
    fn a_token_round_trips_through_text() {
        let token = token();
        let text = text(&token);
        assert_eq!(text.len(), Token::TEXT_LENGTH);
        let read = Token::parse(text.as_bytes()).unwrap();
        assert_eq!(read.id(), token.id());
        assert_eq!(read.secret().hash(read.id()), token.secret().hash(token.id()));
    }

    #[test]
    fn only_the_canonical_text_parses() {
        let good = text(&token());
        let mut noncanonical = good.clone().into_bytes();
        let last = noncanonical.pop().unwrap();
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let position = alphabet.iter().position(|c| *c == last).unwrap();
        noncanonical.push(alphabet[position + 1]);
        let bad: [Vec<u8>; 9] = [
            vec![],
            b"A".to_vec(),
            good.as_bytes()[..42].to_vec(),
            format!("{good}A").into_bytes(),
            format!("{good}=").into_bytes(),
            noncanonical,
            vec![b'A'; 4096],
            [&good.as_bytes()[..42], b"\0"].concat(),
            [&good.as_bytes()[..42], b"+"].concat(),
        ];
        for text in bad {
            assert!(Token::parse(&text).is_none(), "{:?}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn a_hash_is_bound_to_its_id() {
        let (one, other) = (token(), token());
        assert_ne!(one.secret().hash(one.id()), one.secret().hash(other.id()));
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = token();
        let shown = format!("{token:?} {:?} {:?}", token.secret(), token.secret().hash(token.id()));
        assert_eq!(shown, format!("Token {{ id: {:?}, .. }} Secret {{ .. }} SecretHash {{ .. }}", token.id()));
    }

    #[test]
    fn tokens_are_equal_if_both_halves_are() {
        let (one, other) = (token(), token());
        let mixed = Token::new(one.id(), other.secret().clone());
        assert!(one.is(&one.clone()));
        assert!(!one.is(&other) && !one.is(&mixed) && !other.is(&mixed));
    }
}
