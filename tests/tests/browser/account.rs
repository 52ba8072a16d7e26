//! Signing in and out with the forms of the page.

use std::mem;

use sessions_tests::{Chromium, Framework, in_every_framework};

use crate::site::{Site, Way};

in_every_framework! {
    sign_in_leads_back_to_the_protected_page,
    confirmation_leads_back_to_the_page_that_asked,
    remembered_login_survives_a_restart_of_the_browser,
    device_is_signed_out_from_another_profile,
}

/// The first row of the session's state.
const USER: &str = "[aria-labelledby=state] td";

fn sign_in_leads_back_to_the_protected_page(framework: Framework) {
    let Some(site) = Site::start(framework, Way::Direct) else { return };
    site.open("/private");
    assert_eq!(site.path(), "/?next=/private");
    site.expect_element(USER, "nobody");
    site.submit("/login", &[("user", "<zoe>")]);
    assert_eq!(site.path(), "/private");
    site.expect_text("<zoe>");
    site.expect_after_reload("<zoe>");
    site.open("/");
    site.expect_element(USER, "<zoe>");
    site.expect_element("[role=status]", "You are signed in.");
    site.browser.reload();
    site.expect_element(USER, "<zoe>");
    site.expect_no_element("[role=status]");

    site.submit("/logout", &[]);
    site.expect_element(USER, "nobody");
    assert!(site.browser.cookies().is_empty(), "{:?}", site.browser.cookies());
    // The back button shows no private page, and the protected page requires a login again.
    site.repeat_until_at("/?next=/private", || {
        site.browser.back();
        assert!(!site.browser.text().contains("zoe"), "back shows {}", site.browser.text());
    });
}

fn confirmation_leads_back_to_the_page_that_asked(framework: Framework) {
    const PAGE: &str = "/fresh?within=1s";
    const ASKING: &str = "/?next=/fresh%3Fwithin%3D1s";
    let Some(site) = Site::start(framework, Way::Direct) else { return };
    site.open("/");
    site.submit("/login", &[("user", "ann")]);
    let signed_in = site.signed_in_at();
    // Until the login is a second old.
    site.repeat_until_at(ASKING, || site.open(PAGE));
    // On a busy machine, the confirmation may be a second old before the page is loaded.
    site.repeat_until_at(PAGE, || {
        site.open(ASKING);
        site.submit("/confirm", &[]);
    });
    site.expect_text("ann");
    site.open("/");
    site.expect_element("[role=status]", "You have confirmed that it is you.");
    assert!(site.signed_in_at() > signed_in, "a confirmation counts as a login");
}

fn remembered_login_survives_a_restart_of_the_browser(framework: Framework) {
    let Some(mut site) = Site::start(framework, Way::Direct) else { return };
    // Each host has a session of its own, so that one restart shows both.
    site.open_on("127.0.0.1", "/");
    site.browser.click("form[action='/login'] [name=remember]");
    site.submit("/login", &[("user", "ann")]);
    site.expect_element(USER, "ann");
    site.open("/");
    site.submit("/login", &[("user", "bob")]);
    site.expect_element(USER, "bob");

    let profile = site.browser.close();
    site.browser = Chromium::reopen(profile);
    site.open_on("127.0.0.1", "/");
    site.expect_element(USER, "ann");
    site.open("/");
    site.expect_element(USER, "nobody");
}

fn device_is_signed_out_from_another_profile(framework: Framework) {
    let Some(mut site) = Site::start(framework, Way::Direct) else { return };
    let Some(mut other) = Chromium::start() else { return };
    for _ in 0..2 {
        site.open("/");
        site.submit("/login", &[("user", "ann")]);
        mem::swap(&mut site.browser, &mut other);
    }
    site.browser.reload();
    let devices = site.browser.text_of("[aria-labelledby=devices] ul").unwrap_or_default();
    assert_eq!(devices.matches("Chrome/").count(), 2, "{devices}");
    assert_eq!(devices.matches("(this device)").count(), 1, "{devices}");
    site.submit("/logout_device", &[]);
    site.expect_element("[role=status]", "The other device is signed out.");
    site.expect_element(USER, "ann");
    site.expect_no_element("form[action='/logout_device']");

    mem::swap(&mut site.browser, &mut other);
    site.browser.reload();
    site.expect_element(USER, "nobody");
    site.open("/private");
    assert_eq!(site.path(), "/?next=/private");
}
