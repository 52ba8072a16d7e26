//! The program of the page on staying signed in.

#![expect(dead_code, reason = "the program's `main` is not called")]

use std::net::SocketAddr;
use std::sync::Arc;

use sessions_minihttp::sessions_core::testing::ManualClock;

use crate::support::Browser;

include!("../../programs/remember.rs");

fn sign_in(browser: &mut Browser, server: SocketAddr, form: &str) -> u16 {
    browser.ask_with(server, "POST /login", "", form).0
}

#[test]
fn a_ticked_box_keeps_a_visitor_signed_in() {
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().login_page("/login").clock(Arc::clone(&clock));
    let service = WithSessions::new(builder.build().unwrap(), handle);
    let (server, _running) = service.start_with_address("127.0.0.1:0").unwrap();

    let [mut remembered, mut other] = [Browser::default(), Browser::default()];
    assert_eq!(sign_in(&mut other, server, "user=ann"), 400);
    assert_eq!(sign_in(&mut other, server, "user=ann&password=guess"), 401);
    assert_eq!(sign_in(&mut other, server, "user=ann&password=open+sesame"), 303);
    assert!(!other.set_cookie().contains("Max-Age"), "{}", other.set_cookie());
    assert_eq!(sign_in(&mut remembered, server, "user=ann&password=open+sesame&remember=on"), 303);
    assert!(remembered.set_cookie().contains("; Max-Age=2592000"), "{}", remembered.set_cookie());

    clock.advance(MONTH - Duration::from_secs(60));
    assert_eq!(remembered.visit(server, "/"), (200, "signed in as ann".to_owned()));
    assert_eq!(other.visit(server, "/").0, 401);
    assert_eq!(other.visit(server, "/login?next=/"), (200, FORM.to_owned()), "where a gate sends a browser");
    clock.advance(Duration::from_secs(60));
    assert_eq!(remembered.visit(server, "/").0, 401);
}
