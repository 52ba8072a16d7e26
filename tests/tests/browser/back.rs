//! The back button, which shows no page of an ended session.
//!
//! Regression: pages that read a signed-in session were sent with `Vary: Cookie` alone, and
//! Chromium showed them again at the back button after a logout.

use sessions_tests::Framework;

use crate::site::{Site, Way, in_every_framework_and_way};

in_every_framework_and_way! {
    back_after_a_logout_does_not_show_the_private_page,
    back_while_signed_in_shows_the_page,
}

fn back_after_a_logout_does_not_show_the_private_page(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.expect("/login?user=ann", "ok");
    site.expect("/put?k=diary&v=secret", "ok");
    for page in ["/whoami", "/get/"] {
        site.open(page);
        let private = site.browser.text();
        assert!(private.contains("ann") || private.contains("secret"), "{private}");
    }
    site.expect("/logout", "ok");
    for page in ["/get/", "/whoami"] {
        site.browser.back();
        assert!(site.browser.url().ends_with(page), "{}", site.browser.url());
        let shown = site.browser.text();
        assert!(!shown.contains("ann") && !shown.contains("secret"), "back shows {shown}");
    }
}

fn back_while_signed_in_shows_the_page(framework: Framework, way: Way) {
    let Some(site) = Site::start(framework, way) else { return };
    site.expect("/login?user=ann", "ok");
    site.expect_user("ann");
    let private = site.browser.text();
    site.expect("/plain", "ok");
    site.browser.back();
    site.expect_text(&private);
}
