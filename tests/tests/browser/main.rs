//! What only a real browser shows: it loads, reloads and posts in its own way, and decides by
//! itself which cookies it keeps.

mod back;
mod forms;
mod pages;
mod site;
