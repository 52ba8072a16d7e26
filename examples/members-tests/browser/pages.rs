//! What members do, from page to page.

use sessions_tests::Chromium;

use super::visits::{PASSWORD, other_browser, send};
use crate::site::Site;

#[test]
fn a_visitor_signs_up_and_out_and_in() {
    let Some((site, browser)) = Site::start() else { return };
    site.sign_up(&browser, "ann");
    browser.reload();
    assert!(!browser.text().contains("Welcome!"), "a flash is shown once");
    assert_eq!(browser.text_of("#name").as_deref(), Some("ann"));
    browser.follow("nav form button");
    site.expect(&browser, "/", "You are signed out.");
    browser.back();
    let shown = browser.text();
    assert!(!shown.contains("Hello, ann"), "back shows {shown}");
    site.sign_in(&browser, "ann");
}

#[test]
fn a_gate_leads_to_the_login_and_back() {
    let Some((site, browser)) = Site::start() else { return };
    site.sign_up(&browser, "ann");
    browser.follow("nav form button");
    site.open(&browser, "/devices?from=link");
    site.expect(&browser, "/login?next=/devices%3Ffrom%3Dlink", "Sign in");
    send(&browser, &[("name", "ann"), ("password", "a guess")]);
    site.expect(&browser, "/login", "Wrong name or password.");
    send(&browser, &[("name", "ann"), ("password", PASSWORD)]);
    site.expect(&browser, "/devices?from=link", "this device");
}

#[test]
fn only_a_remembered_login_outlives_the_browser() {
    let Some((site, browser)) = Site::start() else { return };
    site.sign_up(&browser, "ann");
    let browser = Chromium::reopen(browser.close());
    site.open(&browser, "/account");
    site.expect(&browser, "/login?next=/account", "Sign in");
    browser.click("[name=remember]");
    send(&browser, &[("name", "ann"), ("password", PASSWORD)]);
    let browser = Chromium::reopen(browser.close());
    site.open(&browser, "/account");
    site.expect(&browser, "/account", "Hello, ann");
}

#[test]
fn the_other_browser_is_signed_out() {
    let Some((site, laptop)) = Site::start() else { return };
    let phone = other_browser();
    site.sign_up(&laptop, "ann");
    site.sign_in(&phone, "ann");
    // By a new password.
    laptop.follow("a[href='/account/password']");
    send(&laptop, &[("password", "close sesame")]);
    site.expect(&laptop, "/account", "Your password is changed. Other sessions ended: 1.");
    phone.reload();
    site.expect(&phone, "/login?next=/account", "Sign in");
    laptop.reload();
    site.expect(&laptop, "/account", "Hello, ann");

    // By the page of devices.
    send(&phone, &[("name", "ann"), ("password", "close sesame")]);
    site.expect(&phone, "/account", "Hello, ann");
    site.open(&laptop, "/devices");
    let shown = laptop.text();
    assert!(shown.contains("Chrome/") && shown.contains("127.0.0.1") && shown.contains("this device"), "{shown}");
    laptop.follow("form[action='/devices/end'] button");
    site.expect(&laptop, "/devices", "The device is signed out.");
    phone.reload();
    site.expect(&phone, "/login?next=/account", "Sign in");
}

#[test]
fn a_form_of_another_site_is_refused() {
    let Some((site, browser)) = Site::start() else { return };
    site.sign_up(&browser, "ann");
    for target in ["/logout", "/devices/end-others"] {
        browser.open(&site.page_elsewhere(target));
        browser.follow("form button");
        site.expect(&browser, target, "403 Forbidden");
    }
    site.open(&browser, "/account");
    site.expect(&browser, "/account", "Hello, ann");
}
