//! Forms that are filled in and posted.

use sessions_tests::Framework;

use crate::site::{Site, Way, in_every_framework_and_way};

in_every_framework_and_way! {
    a_posted_form_is_kept,
    a_reload_posts_the_form_again,
    a_form_signs_in,
}

fn a_posted_form_is_kept(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.open("/");
    site.browser.fill("form[action='/put'] [name=k]", "city");
    site.browser.fill("form[action='/put'] [name=v]", "Thessaloniki & Αθήνα");
    site.browser.follow("form[action='/put'] button");
    site.expect_text("ok");
    site.expect("/get/", r#"{"city":"Thessaloniki & Αθήνα"}"#);
    site.expect_after_reload(r#"{"city":"Thessaloniki & Αθήνα"}"#);
}

fn a_reload_posts_the_form_again(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.open("/");
    site.browser.fill("form[action='/put'] [name=k]", "color");
    site.browser.follow("form[action='/put'] button");
    site.expect_text("ok");
    let form = site.browser.tab();
    site.browser.open_tab();
    site.expect("/clear/", "{}");
    site.browser.switch_to(&form);
    site.expect_after_reload("ok");
    site.expect("/get/", r#"{"color":"blue"}"#);
}

fn a_form_signs_in(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.open("/");
    site.browser.fill("form[action='/login'] [name=user]", "ann");
    site.browser.follow("form[action='/login'] button");
    site.expect_text("ok");
    site.expect_user("ann");
}
