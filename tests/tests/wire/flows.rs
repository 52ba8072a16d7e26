//! The flows of go-sessions' own test suite, in a browser, with each form of the cookie.

use sessions_tests::scenarios::flows::{self, VALUES, values};
use sessions_tests::{Browser, Framework, Options, Seal, Server, in_every_framework_and_seal, query};

in_every_framework_and_seal! {
    posted_values_come_back_unchanged,
    destroy_empties_the_session_and_removes_the_cookie,
    clear_and_destroyall_leave_no_values,
    destroyall_ends_the_sessions_of_everybody,
    flashes_are_gone_after_a_read,
    flashes_are_cleared_and_read_by_key,
    a_user_signs_in_and_out,
}

fn start(framework: Framework, seal: Seal) -> Server {
    Options::new(framework).seal(seal).start()
}

fn posted_values_come_back_unchanged(framework: Framework, seal: Seal) {
    let server = start(framework, seal);
    let mut browser = Browser::new(&server);
    let first = browser.post("/set/", VALUES).expect_ok();
    assert_eq!(first.set_cookies().len(), 1, "{first}");
    assert_eq!(browser.get("/get/").expect_no_cookie().entries(), values());
    browser.post("/set/", r#"{"Days":"2"}"#).expect_ok().expect_no_cookie();
    let mut changed = values();
    changed.insert("Days".to_owned(), "2".to_owned());
    assert_eq!(browser.get("/get/").entries(), changed);
}

fn destroy_empties_the_session_and_removes_the_cookie(framework: Framework, seal: Seal) {
    flows::destroy_empties_the_session_and_removes_the_cookie(&start(framework, seal));
}

fn clear_and_destroyall_leave_no_values(framework: Framework, seal: Seal) {
    flows::clear_and_destroyall_leave_no_values(&start(framework, seal));
}

fn destroyall_ends_the_sessions_of_everybody(framework: Framework, seal: Seal) {
    flows::destroyall_ends_the_sessions_of_everybody(&start(framework, seal));
}

fn flashes_are_gone_after_a_read(framework: Framework, seal: Seal) {
    let server = start(framework, seal);
    let mut browser = Browser::new(&server);
    for (key, value) in &values() {
        browser.get(&query("/flash/set", &[("k", key), ("v", value)])).expect_ok();
    }
    assert_eq!(browser.get("/flash/all").entries(), values());
    browser.get("/flash/all").expect_text("{}");
}

fn flashes_are_cleared_and_read_by_key(framework: Framework, seal: Seal) {
    let server = start(framework, seal);
    let mut browser = Browser::new(&server);
    browser.get("/flash/set?k=notice&v=saved").expect_ok();
    browser.get("/flash/clear").expect_ok();
    browser.get("/flash/all").expect_text("{}");
    browser.get("/flash/set?k=notice&v=saved").expect_ok();
    browser.get("/flash/get?k=notice").expect_text("saved");
    browser.get("/flash/get?k=notice").expect_text("");
}

fn a_user_signs_in_and_out(framework: Framework, seal: Seal) {
    flows::a_user_signs_in_and_out(&start(framework, seal));
}
