//! A "your devices" page: what it shows, and what it may end.

use pollster::block_on;
use sessions_core::adapter::RequestHeader;
use sessions_core::{Device, ErrorKind, Event, TrustedProxies};

use crate::support::{Fake, Fixture};

/// Signs in and stores the device.
fn sign_in(fixture: &Fixture, principal: &str) {
    let request = Fake::new("POST", "/login").with(&[(RequestHeader::UserAgent, "Firefox")]);
    let exchange = fixture.sessions.open();
    let session = block_on(exchange.session_from(&request)).unwrap();
    session.set("device", &Device::of(&request, None, &TrustedProxies::default())).unwrap();
    session.login(principal).unwrap();
    drop(block_on(exchange.end(200)).unwrap());
}

#[test]
fn listing_reads_the_device_of_the_login() {
    let fixture = Fixture::new();
    sign_in(&fixture, "ann");
    let listed = block_on(fixture.sessions.sessions_of("ann")).unwrap();
    let device: Device = listed[0].get("device").unwrap().unwrap();
    assert_eq!(device.user_agent(), Some("Firefox"));
    assert_eq!(listed[0].signed_in_at(), Some(listed[0].created_at()));
    assert_eq!(listed[0].get::<Device>("other").unwrap(), None);
    assert_eq!(listed[0].get::<u8>("device").unwrap_err().kind(), ErrorKind::Decode);
    let (scanned, _) = block_on(fixture.sessions.scan(None, 10)).unwrap();
    assert_eq!(scanned[0].get::<Device>("device").unwrap(), Some(device));
    assert!(!format!("{listed:?}").contains("Firefox"));
}

#[test]
fn only_the_principal_ends_a_session() {
    let fixture = Fixture::new();
    sign_in(&fixture, "ann");
    let id = block_on(fixture.sessions.sessions_of("ann")).unwrap()[0].id();
    fixture.take_events();
    assert!(!block_on(fixture.sessions.destroy_session_of("eve", id)).unwrap());
    assert_eq!((fixture.count(), fixture.take_events()), (1, vec![]));
    assert!(block_on(fixture.sessions.destroy_session_of("ann", id)).unwrap());
    assert!(matches!(fixture.take_events()[..], [Event::Destroyed { .. }]));
    assert!(!block_on(fixture.sessions.destroy_session_of("ann", id)).unwrap());
}
