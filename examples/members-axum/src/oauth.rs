//! Sign-in at an OpenID provider: authorization code, PKCE and `state`.

mod error;
mod http;
mod id_token;
mod secrets;

pub use error::OAuthError;
pub(crate) use id_token::Seconds;
pub(crate) use secrets::Secrets;

use std::fmt;
use std::sync::Arc;

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::Serializer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use url::{Host, Url};

use self::http::Client;
use self::id_token::Claims;

/// A provider, and this application as its client.
#[derive(Clone)]
pub struct OAuth(Arc<Inner>);

struct Inner {
    registration: Registration,
    client: Client,
    /// Asked for when it is first needed, so that the application starts without the provider.
    endpoints: OnceCell<Endpoints>,
}

/// What a provider knows of this application.
#[derive(Clone)]
pub struct Registration {
    /// The URL of the provider.
    pub issuer: String,
    /// The name of this application at the provider.
    pub client_id: String,
    /// The password of this application at the provider.
    pub client_secret: String,
    /// The URL of `/oauth/callback` here, as it is registered at the provider.
    pub redirect_uri: String,
}

/// What the provider says about itself in `/.well-known/openid-configuration`.
#[derive(Clone, Deserialize)]
struct Endpoints {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
}

/// Whether the provider asks for the password of somebody who is signed in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    IfNeeded,
    Password,
}

/// Whom the provider has signed in.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The id, which never changes.
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    /// Whether they have entered a password at the provider for this sign-in.
    pub(crate) is_present: bool,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: String,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    preferred_username: Option<String>,
}

impl OAuth {
    /// Creates the client of a provider, which is not asked yet.
    ///
    /// # Errors
    ///
    /// Fails if the provider's URL is neither `https:` nor on this machine.
    pub fn new(registration: Registration) -> Result<Self, OAuthError> {
        secure(&registration.issuer)?;
        let client = Client::new()?;
        Ok(Self(Arc::new(Inner { registration, client, endpoints: OnceCell::new() })))
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.0.registration.issuer
    }

    /// Returns the address at the provider where a visitor signs in.
    pub(crate) async fn authorization_url(&self, secrets: &Secrets, prompt: Prompt) -> Result<Url, OAuthError> {
        let Registration { client_id, redirect_uri, .. } = &self.0.registration;
        let mut url = secure(&self.endpoints().await?.authorization_endpoint)?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("scope", "openid profile")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", secrets.state())
            .append_pair("code_challenge", &secrets.challenge())
            .append_pair("code_challenge_method", "S256");
        if prompt == Prompt::Password {
            // With `max_age`, the id token must say when the password was entered.
            query.append_pair("prompt", "login").append_pair("max_age", "0");
        }
        drop(query);
        Ok(url)
    }

    /// Exchanges the code of a sign-in that began at `start` for whom it stands for.
    pub(crate) async fn subject(&self, code: &str, secrets: &Secrets, start: Seconds) -> Result<Subject, OAuthError> {
        let endpoints = self.endpoints().await?;
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.0.registration.redirect_uri)
            .append_pair("code_verifier", secrets.verifier())
            .finish();
        let credentials = self.0.registration.credentials();
        let tokens: Tokens = self.send(Method::POST, &endpoints.token_endpoint, Some(credentials), form).await?;
        let client_id = &self.0.registration.client_id;
        let now = Seconds::now();
        let claims = Claims::read(&tokens.id_token, self.issuer(), client_id, now)?;
        let bearer = format!("Bearer {}", tokens.access_token);
        let info: UserInfo = self.send(Method::GET, &endpoints.userinfo_endpoint, Some(bearer), String::new()).await?;
        if info.sub != claims.sub {
            return Err(OAuthError::new("the id token is of another user"));
        }
        let is_present = claims.proves_presence(start, now);
        Ok(Subject { id: info.sub, name: info.preferred_username, is_present })
    }

    async fn endpoints(&self) -> Result<&Endpoints, OAuthError> {
        self.0.endpoints.get_or_try_init(|| self.discover()).await
    }

    async fn discover(&self) -> Result<Endpoints, OAuthError> {
        let issuer = self.issuer();
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let endpoints: Endpoints = self.send(Method::GET, &url, None, String::new()).await?;
        if endpoints.issuer == issuer {
            Ok(endpoints)
        } else {
            Err(OAuthError::new("the provider's issuer is not the configured one"))
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        url: &str,
        authorization: Option<String>,
        form: String,
    ) -> Result<T, OAuthError> {
        let url = secure(url)?;
        let mut request = Request::builder().method(method).header(ACCEPT, "application/json");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if !form.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(form).map_err(|error| OAuthError::caused_by("a request cannot be made", error))?;
        let body = self.0.client.send(&url, request).await?;
        serde_json::from_slice(&body)
            .map_err(|error| OAuthError::caused_by("the provider's answer is malformed", error))
    }
}

impl Registration {
    /// Returns the client's name and password as RFC 6749 section 2.3.1 writes them.
    fn credentials(&self) -> String {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&self.client_id), encoded(&self.client_secret));
        format!("Basic {}", STANDARD.encode(pair))
    }
}

/// Parses a URL of the provider, which nobody on the way may read or change.
fn secure(url: &str) -> Result<Url, OAuthError> {
    let url = Url::parse(url).map_err(|error| OAuthError::caused_by("a URL of the provider is invalid", error))?;
    let is_secure = match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Domain(name))) => name == "localhost",
        ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    };
    if is_secure {
        Ok(url)
    } else {
        Err(OAuthError::new("a URL of the provider is neither https: nor on this machine"))
    }
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

/// Shows no secret.
impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_is_asked_over_tls_unless_it_is_here() {
        for good in ["https://accounts.example", "http://localhost:9090/a", "http://127.0.0.1:9090", "http://[::1]/"] {
            assert!(secure(good).is_ok(), "{good}");
        }
        for bad in ["http://accounts.example", "http://127.0.0.1.example", "ftp://localhost", "file:///a", "localhost"]
        {
            assert!(secure(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn credentials_are_encoded_twice() {
        let registration = Registration {
            issuer: String::new(),
            client_id: "a:b".to_owned(),
            client_secret: "c d".to_owned(),
            redirect_uri: String::new(),
        };
        assert_eq!(registration.credentials(), format!("Basic {}", STANDARD.encode("a%3Ab:c+d")));
    }
}
