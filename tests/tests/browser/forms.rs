//! Forms that are filled in and posted.

use sessions_tests::{Framework, in_every_framework};

use crate::site::{Site, Way, in_every_framework_and_way};

in_every_framework_and_way! {
    a_posted_form_is_kept,
    a_reload_does_not_post_the_form_again,
    a_flash_is_shown_once,
}

in_every_framework! {
    the_counter_follows_other_tabs,
}

fn a_posted_form_is_kept(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.open("/");
    site.submit("/put", &[("k", "city"), ("v", "Thessaloniki & <b>Αθήνα</b>")]);
    assert_eq!(site.path(), "/");
    site.expect_element("#entries", "city\tThessaloniki & <b>Αθήνα</b>");
    site.browser.reload();
    site.expect_element("#entries", "city\tThessaloniki & <b>Αθήνα</b>");
    site.expect("/get/", r#"{"city":"Thessaloniki & <b>Αθήνα</b>"}"#);
}

fn a_reload_does_not_post_the_form_again(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.open("/");
    for visits in ["1", "2"] {
        site.submit("/incr", &[]);
        site.expect_element("#visits", visits);
    }
    site.browser.reload();
    site.expect_element("#visits", "2");
    site.submit("/clear", &[]);
    site.expect_element("#visits", "0");
}

fn a_flash_is_shown_once(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.open("/");
    site.submit("/flash/set", &[("v", "Saved & <kept>.")]);
    site.expect_element("[role=status]", "Saved & <kept>.");
    site.browser.reload();
    site.expect_no_element("[role=status]");
}

fn the_counter_follows_other_tabs(framework: Framework) {
    let Some(site) = Site::start(framework, Way::Direct) else { return };
    site.open("/");
    site.submit("/incr", &[]);
    site.browser.click("#live input");
    let first = site.browser.tab();
    site.browser.open_tab();
    site.expect("/incr?k=visits&by=41", "42");
    let second = site.browser.tab();
    site.browser.switch_to(&first);
    site.wait_for_element("#visits", "42");
    // A login replaces the cookie. The counter continues with the new one.
    site.browser.switch_to(&second);
    site.expect("/login?user=ann", "ok");
    site.expect("/incr?k=visits", "43");
    site.browser.switch_to(&first);
    site.wait_for_element("#visits", "43");
    site.expect_element("#live :checked", "");
    // The session ends, and with it the counter.
    site.browser.switch_to(&second);
    site.expect("/destroy", "ok");
    site.browser.switch_to(&first);
    site.wait_until_gone("#live :checked");
}
