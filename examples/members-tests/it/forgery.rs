//! Requests that another site made the browser send.

use super::browser::PASSWORD;
use crate::site::Site;

#[crate::async_test]
async fn a_post_from_another_site_changes_nothing() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    for origin in ["cross-site", "same-site"] {
        for target in ["/logout", "/account/password", "/devices/end-others", "/confirm"] {
            let page = ann.post_from(origin, target, &[("password", "close sesame")]).await;
            assert_eq!(page.status, 403, "{origin} {target}");
            assert!(page.shows("Another site sent this request"), "{page:?}");
        }
    }
    assert!(ann.is_signed_in().await);
    assert_eq!(site.browser().login("ann").await.location(), "/account", "the password is the old one");
}

/// The visitor would go on in the attacker's account.
#[crate::async_test]
async fn another_site_cannot_sign_anybody_in() {
    let Some(site) = Site::start().await else { return };
    site.member("mallory").await;
    let mut victim = site.browser();
    let fields = [("name", "mallory"), ("password", PASSWORD)];
    for target in ["/login", "/sign-up"] {
        assert_eq!(victim.post_from("cross-site", target, &fields).await.status, 403);
    }
    assert_eq!(victim.cookie, None);
}
