//! Scenarios that need a real browser, which loads, reloads, posts and keeps cookies in its own
//! way.

mod account;
mod back;
mod forms;
mod pages;
mod site;
