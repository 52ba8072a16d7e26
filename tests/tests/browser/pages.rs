//! Pages that are loaded, reloaded and opened in several tabs.

use sessions_tests::Framework;

use crate::site::{Site, Way, in_every_framework_and_way};

in_every_framework_and_way! {
    a_page_loads_and_reloads,
    a_link_is_followed_and_its_page_reloaded,
    a_stored_name_survives_reloads,
    a_login_is_read_back,
    two_tabs_share_the_session,
    scripts_do_not_see_the_cookie,
    the_address_that_a_demo_prints_keeps_the_session,
}

fn a_page_loads_and_reloads(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.open("/");
    expect_start(&site);
    site.browser.reload();
    expect_start(&site);
    assert!(site.browser.cookies().is_empty(), "a page without a session sets no cookie");
}

#[track_caller]
fn expect_start(site: &Site) {
    let text = site.browser.text();
    assert!(text.starts_with("Sessions demo\n"), "{text}");
}

fn a_link_is_followed_and_its_page_reloaded(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.expect("/set", "All ok session set to: iris");
    site.open("/");
    site.browser.click("summary");
    site.browser.follow("a[href='/get']");
    site.expect_text("The name on the /set was: iris");
    site.expect_after_reload("The name on the /set was: iris");
}

fn a_stored_name_survives_reloads(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.expect("/set", "All ok session set to: iris");
    site.expect("/get", "The name on the /set was: iris");
    site.expect_after_reload("The name on the /set was: iris");
    site.expect("/incr?k=visits", "1");
    for visits in ["2", "3", "4"] {
        site.expect_after_reload(visits);
    }
    site.expect("/get/", r#"{"name":"iris","visits":4}"#);
}

fn a_login_is_read_back(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.expect("/login?user=ann", "ok");
    site.expect_user("ann");
    let shown = site.browser.text();
    site.expect_after_reload(&shown);
    site.expect("/logout", "ok");
    site.expect("/whoami", r#"{"id":null,"user":null,"is_new":true,"signed_in_at":null,"ends_at":null}"#);
}

fn two_tabs_share_the_session(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    let first = site.browser.tab();
    site.open("/");
    site.submit("/login", &[("user", "ann")]);
    site.browser.open_tab();
    assert_ne!(site.browser.tab(), first);
    site.expect_user("ann");
    site.open("/");
    site.submit("/put", &[("k", "color"), ("v", "blue")]);
    site.browser.switch_to(&first);
    site.expect("/get/", r#"{"color":"blue"}"#);
    site.open("/");
    site.submit("/logout", &[]);
    site.browser.open_tab();
    site.expect("/get/", "{}");
}

fn scripts_do_not_see_the_cookie(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.expect("/login?user=ann", "ok");
    assert_eq!(site.browser.evaluate("document.cookie"), "");
    let cookies = site.browser.cookies();
    let [cookie] = cookies.as_slice() else { panic!("expected one cookie, but {cookies:?}") };
    assert_eq!((&cookie["name"], &cookie["path"]), (&"__Host-id".into(), &"/".into()));
    assert_eq!((&cookie["httpOnly"], &cookie["secure"]), (&true.into(), &true.into()));
    assert_eq!((&cookie["sameSite"], &cookie["expiry"]), (&"Lax".into(), &serde_json::Value::Null));
}

fn the_address_that_a_demo_prints_keeps_the_session(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.open_on("127.0.0.1", "/set");
    site.open_on("127.0.0.1", "/get");
    site.expect_text("The name on the /set was: iris");
    // Another host has another cookie.
    site.expect("/get", "The name on the /set was:");
}
