//! The flows of go-sessions' own test suite, in a browser.

use std::collections::BTreeMap;

use crate::{Browser, Server};

/// What is posted: one of each kind of character.
pub const VALUES: &str = r#"{"Name":"go-sessions","Days":"1","Secret":"dsads£2132215£%%Ssdsa \"q\" 日本語"}"#;

/// What is posted, as entries.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn values() -> BTreeMap<String, String> {
    serde_json::from_str(VALUES).expect("the values are a JSON object of texts")
}

/// Posts the values, and expects to get them back.
///
/// # Panics
///
/// Where they do not come back.
#[track_caller]
pub fn post_values(browser: &mut Browser<'_>) {
    browser.post("/set/", VALUES).expect_ok();
    assert_eq!(browser.jar().len(), 1, "the browser has the session cookie");
    assert_eq!(browser.get("/get/").entries(), values());
}

/// Ends every session there is.
///
/// # Panics
///
/// Where it is not as the name says.
#[track_caller]
pub fn destroyall_ends_the_sessions_of_everybody(server: &Server) {
    let mut others = ["ann", "bob", "eve"].map(|user| server.signed_in(user));
    let mut browser = Browser::new(server);
    post_values(&mut browser);
    browser.get("/destroyall/").expect_text("{}");
    others.iter_mut().for_each(|other| other.expect_anonymous());
}

/// Signs in and out in a browser.
///
/// # Panics
///
/// Where it is not as the name says.
#[track_caller]
pub fn a_user_signs_in_and_out(server: &Server) {
    let mut browser = Browser::new(server);
    post_values(&mut browser);
    browser.get("/login?user=ann").expect_text("ok");
    assert_eq!(browser.get("/whoami").json()["user"], "ann");
    assert_eq!(browser.get("/get/").entries(), values());
    browser.get("/logout").expect_text("ok");
    assert!(browser.jar().is_empty(), "{:?}", browser.jar());
    assert!(browser.get("/whoami").json()["user"].is_null());
}

/// Clears a session, and ends every session there is.
///
/// # Panics
///
/// Where it is not as the name says.
#[track_caller]
pub fn clear_and_destroyall_leave_no_values(server: &Server) {
    let mut browser = Browser::new(server);
    post_values(&mut browser);
    browser.get("/clear/").expect_text("{}");
    browser.get("/get/").expect_text("{}");
    post_values(&mut browser);
    browser.get("/destroyall/").expect_text("{}");
    browser.get("/get/").expect_text("{}");
    post_values(&mut browser);
}

/// Ends one session in a browser.
///
/// # Panics
///
/// Where it is not as the name says.
#[track_caller]
pub fn after_destroy_the_session_is_empty_and_the_browser_has_no_cookie(server: &Server) {
    let mut browser = Browser::new(server);
    post_values(&mut browser);
    browser.get("/destroy/").expect_text("{}");
    assert!(browser.jar().is_empty(), "{:?}", browser.jar());
    browser.get("/get/").expect_text("{}").expect_no_cookie();
    post_values(&mut browser);
}
