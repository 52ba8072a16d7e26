//! The application in a real Chromium.

mod pages;
mod site;
#[path = "../support/mod.rs"]
mod support;
