//! The program of the page on flash messages.

#![expect(dead_code, reason = "the program's `main` is not called")]

use crate::support::Browser;

include!("../../programs/flashes.rs");

#[tokio::test]
async fn a_flash_is_shown_once() {
    let app = app(Sessions::builder().build().unwrap());
    let mut browser = Browser::default();
    let saved = browser.post(&app, "/save", "").await;
    assert_eq!((saved.status, saved.location.as_str()), (303, "/profile"));
    assert_eq!(browser.get(&app, "/profile").await.body, "notice: your changes were saved");
    assert_eq!(browser.get(&app, "/profile").await.body, "notice: none");
}
