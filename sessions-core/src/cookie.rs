//! The session cookie: tokens, seals, and reading and writing the headers.

mod base64url;
mod find;
mod form;
mod plain_http;
mod rules;
mod seal;
mod set_cookie;
mod token;

pub use form::SameSite;
pub use seal::{Opened, Seal, SealKey};
pub use token::{Secret, SecretHash, Token};

pub(crate) use find::{Candidate, Candidates};
pub(crate) use form::{CookieForm, CookieOptions};
pub(crate) use plain_http::{LastWarning, shows_plain_http};
pub(crate) use seal::{Keyed, Mode as SealMode};
pub(crate) use set_cookie::{SetCookie, are_namesakes};
