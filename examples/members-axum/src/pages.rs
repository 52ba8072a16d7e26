//! The handlers: one module for each page, with what its forms do.

pub(crate) mod account;
pub(crate) mod confirm;
pub(crate) mod devices;
pub(crate) mod home;
pub(crate) mod login;
pub(crate) mod oauth;
pub(crate) mod password;
pub(crate) mod sign_up;
