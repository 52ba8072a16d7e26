//! What members do, in a real Chromium.

mod pages;
