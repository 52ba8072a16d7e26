//! Sessions that are begun without a request.

use std::time::Duration;

use pollster::block_on;
use sessions_core::{ErrorKind, Event, Login, Session};

use crate::support::{Browser, Fixture};

#[test]
fn an_issued_session_is_like_any_other() {
    let fixture = Fixture::new();
    let month = Duration::from_secs(30 * 86_400);
    let login = Login::new("ann").remember(month);
    let issued = block_on(fixture.sessions.issue_with(login, |session| session.set("cart", "7"))).unwrap();
    let [Event::Created { id, .. }, Event::SignedIn { id: signed_in, principal, .. }] = &fixture.take_events()[..]
    else {
        panic!("a session begins, and its principal signs in");
    };
    assert_eq!((*id, *signed_in, principal.as_str()), (issued.id(), issued.id(), "ann"));
    assert!(issued.set_cookie().starts_with(issued.cookie()) && issued.set_cookie().contains("; Max-Age=2592000"));
    assert!(issued.cookie().ends_with(issued.token()) && !issued.token().is_empty());
    assert!(!format!("{issued:?}").contains(issued.token()));

    let mut browser = Browser { sessions: fixture.sessions.clone(), cookie: Some(issued.cookie().to_owned()) };
    assert_eq!((browser.user().as_deref(), browser.get("cart").as_deref()), (Some("ann"), Some("7")));
    assert_eq!(browser.visit(Session::id).result, Some(issued.id()));

    let found = block_on(fixture.sessions.find(issued.id())).unwrap().unwrap();
    assert_eq!((found.principal(), found.get::<String>("cart").unwrap().as_deref()), (Some("ann"), Some("7")));
    fixture.clock.advance(month);
    assert!(block_on(fixture.sessions.find(issued.id())).unwrap().is_none());
}

#[test]
fn nothing_is_issued_after_a_failure() {
    let fixture = Fixture::new();
    let refused = |login, fill: fn(&Session) -> Result<(), sessions_core::Error>| {
        block_on(fixture.sessions.issue_with(login, fill)).unwrap_err().kind()
    };
    assert_eq!(refused(Login::new("a".repeat(2000)), |_| Ok(())), ErrorKind::TooLarge);
    assert_eq!(refused(Login::new("ann"), |session| session.set("k", &f64::NAN)), ErrorKind::Encode);
    let ended = refused(Login::new("ann"), |session| {
        session.destroy();
        Ok(())
    });
    assert_eq!(ended, ErrorKind::NoSession);
    assert!(fixture.take_events().is_empty(), "the caller gets the errors");
    fixture.store.write_down.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(refused(Login::new("ann"), |_| Ok(())), ErrorKind::StoreUnavailable);
    assert_eq!(fixture.count(), 0);
}

#[test]
fn only_an_own_device_is_signed_out() {
    let fixture = Fixture::new();
    let issue = |user| block_on(fixture.sessions.issue(Login::new(user))).unwrap();
    let (ann, phone, bob) = (issue("ann"), issue("ann"), issue("bob"));
    let mut browser = Browser { sessions: fixture.sessions.clone(), cookie: Some(ann.cookie().to_owned()) };
    let mut end = |id| browser.visit(|session| block_on(session.destroy_device(id))).result;
    assert_eq!((end(bob.id()).unwrap(), end(phone.id()).unwrap(), end(phone.id()).unwrap()), (false, true, false));
    assert_eq!(fixture.count(), 2);
    let own = browser.visit(|session| block_on(session.destroy_device(ann.id())).unwrap());
    assert!(own.result && own.set_cookie.is_some_and(|cookie| cookie.contains("Max-Age=0")));
    assert_eq!(fixture.count(), 1);
    let stranger = fixture.browser().start();
    assert_eq!(block_on(stranger.destroy_device(bob.id())).unwrap_err().kind(), ErrorKind::NotSignedIn);
}

#[test]
fn the_devices_are_the_principals_own_sessions() {
    const DEVICE: sessions_core::Key<String> = sessions_core::Key::new("device");

    let fixture = Fixture::new();
    let issue = |user, device: &str| {
        let fill = |session: &Session| DEVICE.set(session, device);
        block_on(fixture.sessions.issue_with(Login::new(user), fill)).unwrap()
    };
    let (laptop, phone, _) = (issue("ann", "laptop"), issue("ann", "phone"), issue("bob", "tablet"));
    let mut browser = Browser { sessions: fixture.sessions.clone(), cookie: Some(laptop.cookie().to_owned()) };
    let devices = browser.visit(|session| block_on(session.devices()).unwrap()).result;
    let mut rows: Vec<_> = devices.iter().map(|info| (DEVICE.get_from(info).unwrap().unwrap(), info.id())).collect();
    rows.sort();
    assert_eq!(rows, [("laptop".to_owned(), laptop.id()), ("phone".to_owned(), phone.id())]);

    let stranger = fixture.browser().start();
    assert_eq!(block_on(stranger.devices()).unwrap_err().kind(), ErrorKind::NotSignedIn);
}
