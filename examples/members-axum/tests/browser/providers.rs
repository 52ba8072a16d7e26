//! Signing in at a provider.

use crate::site::Site;

#[test]
fn a_provider_signs_in_once_for_each_attempt() {
    let Some((site, browser)) = Site::start() else { return };
    site.open(&browser, "/devices");
    browser.follow("form[action='/oauth'] button");
    assert!(browser.url().starts_with(&site.provider.url("/authorize")), "{}", browser.url());
    assert_eq!(site.provider.asked()["code_challenge_method"], "S256");
    browser.follow("#allow");
    site.expect(&browser, "/devices", "this device");
    // The address of the callback is in the history, and its state is used up.
    let replay = site.provider.approve(&site.provider.asked());
    browser.open(&replay);
    assert!(browser.text().contains("it was used already"), "{}", browser.text());
    site.open(&browser, "/account");
    site.expect(&browser, "/account", "Hello, iris");
}
