//! The session cookie: tokens, seals, and reading and writing the headers.

mod base64url;
mod find;
mod form;
mod rules;
mod seal;
mod set_cookie;
mod token;

pub use form::SameSite;
#[cfg(feature = "seal")]
pub use seal::SealKey;
pub use seal::{Opened, Seal};
pub use token::{Secret, Token};

pub(crate) use find::{Candidate, Candidates, Transport};
pub(crate) use form::{CookieForm, CookieOptions};
#[cfg(feature = "seal")]
pub(crate) use seal::{Keyed, Mode as SealMode};
pub(crate) use set_cookie::{SetCookie, have_same_name};
