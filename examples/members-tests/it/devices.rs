//! The page of devices.

use crate::site::Site;

#[crate::async_test]
async fn devices_are_listed_and_signed_out() {
    let Some(site) = Site::start().await else { return };
    let mut laptop = site.member("ann").await;
    let mut phone = site.browser().named("<phone>");
    phone.login("ann").await;
    let page = laptop.get("/devices").await;
    for shown in ["&lt;phone&gt;", "tests/1", "192.0.2.7", "2001-09-09T01:46:40Z"] {
        assert!(page.shows(shown), "{shown} {page:?}");
    }
    let id = id_of_other(&page.text);
    assert_eq!(laptop.post("/devices/end", &[("id", &id)]).await.location(), "/devices");
    assert!(laptop.get("/devices").await.shows("The device is signed out."));
    assert!(!phone.is_signed_in().await);
    laptop.post("/devices/end", &[("id", &id)]).await;
    assert!(laptop.get("/devices").await.shows("signed out already"));
}

#[crate::async_test]
async fn nobody_ends_the_session_of_another_member() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    let mut bob = site.member("bob").await;
    let mut second = site.browser();
    second.login("ann").await;
    let id = id_of_other(&ann.get("/devices").await.text);
    bob.post("/devices/end", &[("id", &id)]).await;
    assert!(bob.get("/devices").await.shows("signed out already"));
    assert!(second.is_signed_in().await);
}

#[crate::async_test]
async fn all_others_are_signed_out_at_once() {
    let Some(site) = Site::start().await else { return };
    let mut ann = site.member("ann").await;
    let (mut phone, mut tablet) = (site.browser(), site.browser());
    phone.login("ann").await;
    tablet.login("ann").await;
    ann.post("/devices/end-others", &[]).await;
    assert!(ann.get("/devices").await.shows("Other sessions ended: 2."));
    assert!(!phone.is_signed_in().await && !tablet.is_signed_in().await);
}

/// A test of a page for members needs no login form: the session is begun without one.
#[crate::async_test]
async fn an_issued_session_reaches_the_page() {
    let Some(site) = Site::start().await else { return };
    site.member("ann").await;
    let issued = site.sessions.issue(site.principal_of("ann").await).await.unwrap();
    let mut browser = site.browser();
    browser.cookie = Some(issued.cookie().to_owned());
    let page = browser.get("/devices").await;
    assert!(page.shows("this device") && page.shows("unknown"), "{page:?}");
}

/// Returns the id of the first session that the page offers to end.
fn id_of_other(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"id\" value=\"").expect("the page lists another device");
    rest.split('"').next().unwrap_or_default().to_owned()
}
