//! What members do, in a real Chromium.
//!
//! Each application has a `Site` that begins it, and a page of another site.

mod pages;
mod visits;
