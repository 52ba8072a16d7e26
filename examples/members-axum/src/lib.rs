//! An application with members, to copy from: axum, PostgreSQL and server-side sessions.
//!
//! Visitors sign up and sign in with a password, or with an account at an OpenID provider. They may
//! stay signed in, see their devices, sign them out, and change their password. See the README
//! beside the manifest for what is where.

mod app;
mod database;
mod error;
mod flash;
mod html;
mod member;
pub mod oauth;
mod options;
mod pages;
mod passwords;
mod sign_in;
mod users;

pub use app::{App, Settings, router, sessions};
pub use database::connect;
pub use error::chain;
pub use options::Options;
pub use passwords::PasswordError;
