//! The handlers: one module for each page, with what its forms do.

pub(crate) mod account;
pub(crate) mod confirm;
pub(crate) mod devices;
pub(crate) mod home;
pub(crate) mod login;
pub(crate) mod password;
pub(crate) mod sign_up;

use actix_web::web::Redirect;

/// Returns the answer to a posted form: go on to this page, with GET.
pub(crate) fn go(page: impl Into<String>) -> Redirect {
    Redirect::to(page.into()).see_other()
}
