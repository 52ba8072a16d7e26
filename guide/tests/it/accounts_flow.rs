//! What members do in the programs of the page on accounts without a framework.

use std::net::SocketAddr;
use std::time::Duration;

use sessions_core::testing::ManualClock;

use crate::support::Browser;

const HTML: &str = "Accept: text/html\r\n";
const ANN: &str = "user=ann&password=open+sesame";

fn post(browser: &mut Browser, server: SocketAddr, path: &str, form: &str) -> (u16, String) {
    browser.ask_with(server, &format!("POST {path}"), HTML, form)
}

fn get(browser: &mut Browser, server: SocketAddr, path: &str) -> (u16, String) {
    browser.ask_with(server, &format!("GET {path}"), HTML, "")
}

/// Signs in, ends another device and the own one, and closes the account.
pub(crate) fn use_accounts(server: SocketAddr, clock: &ManualClock, login: &str, confirm: &str) {
    let [mut phone, mut laptop] = [Browser::default(), Browser::default()];
    assert_eq!(get(&mut phone, server, "/devices").0, 303);
    assert_eq!(get(&mut phone, server, "/login?next=/devices"), (200, login.to_owned()));
    assert_eq!(post(&mut phone, server, "/login", "user=ann&password=guess"), (401, login.to_owned()));
    assert_eq!(post(&mut phone, server, "/login?next=/devices", ANN).0, 303);
    assert!(!phone.set_cookie().contains("Max-Age"));
    assert_eq!(post(&mut laptop, server, "/login", &format!("{ANN}&remember=on")).0, 303);
    assert!(laptop.set_cookie().contains("Max-Age=2592000"));
    assert!(get(&mut laptop, server, "/account").1.contains("Hello ann."));

    let devices = get(&mut laptop, server, "/devices").1;
    assert_eq!((devices.matches("<li>").count(), devices.matches("this one").count()), (2, 1), "{devices}");
    assert!(devices.contains("from 127.0.0.1, 0 minutes ago"), "{devices}");
    assert_eq!(post(&mut laptop, server, "/devices/end-others", "").0, 303);
    assert_eq!(get(&mut phone, server, "/account").0, 303);

    clock.advance(Duration::from_secs(10 * 60));
    assert_eq!(post(&mut laptop, server, "/account/close", "").0, 303);
    assert_eq!(get(&mut laptop, server, "/account").0, 200, "the password was not entered again");
    assert_eq!(post(&mut laptop, server, "/confirm", "password=guess"), (401, confirm.to_owned()));
    assert_eq!(post(&mut laptop, server, "/confirm", "password=open+sesame").0, 303);
    assert_eq!(post(&mut laptop, server, "/devices/end", "id=nobody").0, 400);
    assert_eq!(post(&mut laptop, server, "/account/close", "").0, 303);
    assert_eq!(get(&mut laptop, server, "/account").0, 303);
}
