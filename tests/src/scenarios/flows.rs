//! The flows of go-sessions' test suite, in a browser.

use std::collections::BTreeMap;

use crate::{Browser, Server};

/// The posted JSON, with one of each kind of character.
pub const VALUES: &str = r#"{"Name":"go-sessions","Days":"1","Secret":"dsads£2132215£%%Ssdsa \"q\" 日本語"}"#;

/// Returns the posted JSON as entries.
///
/// # Panics
///
/// Never panics.
#[must_use]
pub fn values() -> BTreeMap<String, String> {
    serde_json::from_str(VALUES).expect("the values are a JSON object of texts")
}

/// Posts the values and expects them back.
///
/// # Panics
///
/// Panics if other values come back.
#[track_caller]
pub fn post_values(browser: &mut Browser<'_>) {
    browser.post("/set/", VALUES).expect_ok();
    assert_eq!(browser.jar().len(), 1, "the browser has the session cookie");
    assert_eq!(browser.get("/get/").entries(), values());
}

/// Ends all sessions.
///
/// # Panics
///
/// Panics if the rule does not hold.
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
/// Panics if the rule does not hold.
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

/// Clears a session, and ends all sessions.
///
/// # Panics
///
/// Panics if the rule does not hold.
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
/// Panics if the rule does not hold.
#[track_caller]
pub fn destroy_empties_the_session_and_removes_the_cookie(server: &Server) {
    let mut browser = Browser::new(server);
    post_values(&mut browser);
    browser.get("/destroy/").expect_text("{}");
    assert!(browser.jar().is_empty(), "{:?}", browser.jar());
    browser.get("/get/").expect_text("{}").expect_no_cookie();
    post_values(&mut browser);
}
