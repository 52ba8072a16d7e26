//! Scenarios that need a real browser: its loading, reloading, posting and cookies.

mod account;
mod back;
mod forms;
mod pages;
mod site;
