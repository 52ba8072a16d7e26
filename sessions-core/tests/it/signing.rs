use pollster::block_on;
use sessions_core::{ErrorKind, Session};

use crate::support::Fixture;

#[test]
fn a_login_changes_only_the_token() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("cart", "full");
    let mut old = browser.clone();
    let id = browser.visit(|session| session.id()).result;

    browser.visit(|session| session.login("ann").unwrap());
    assert_ne!(browser.cookie, old.cookie);
    let seen = browser.visit(|session| (session.id(), session.principal(), session.lenient("cart").text())).result;
    assert_eq!(seen, (id, Some("ann".to_owned()), Some("full".to_owned())));
    assert_eq!(old.visit(|session| (session.is_new(), session.principal(), session.len())).result, (true, None, 0));
}

#[test]
fn a_login_as_someone_else_drops_the_data() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann").unwrap();
        session.set("secret", "ann's").unwrap();
        session.set_immutable("plan", "pro").unwrap();
        session.set_flash("note", "for ann").unwrap();
    });
    browser.visit(|session| {
        session.set("early", "still ann's").unwrap();
        session.login("bob").unwrap();
        session.set("late", "bob's").unwrap();
    });
    let seen = browser
        .visit(|session| (session.principal(), session.entries().into_keys().collect::<Vec<_>>(), session.has_flash()));
    assert_eq!(seen.result, (Some("bob".to_owned()), vec!["late".to_owned()], false));
    assert_eq!(block_on(fixture.sessions.sessions_of("ann")).unwrap().len(), 0);
}

#[test]
fn signing_in_again_keeps_the_data() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann").unwrap();
        session.set("k", "v").unwrap();
    });
    browser.visit(|session| session.login("ann").unwrap());
    assert_eq!(browser.get("k").as_deref(), Some("v"));
}

#[test]
fn a_renewal_kills_the_old_token() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let mut old = browser.clone();
    browser.visit(|session| session.renew());
    assert_eq!((browser.get("k").as_deref(), old.get("k")), (Some("v"), None));
}

#[test]
fn a_logout_is_final_and_removes_the_cookie() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.login("ann").unwrap());
    let mut replay = browser.clone();
    let answer = browser.visit(|session| {
        session.destroy();
        (session.principal(), session.id(), session.len())
    });
    assert_eq!(answer.result, (None, None, 0));
    assert_eq!(answer.set_cookie.as_deref(), Some("__Host-id=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"));
    assert_eq!((browser.cookie.as_deref(), replay.user(), fixture.count()), (None, None, 0));
}

#[test]
fn a_flash_after_logout_starts_a_new_session() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann").unwrap();
        session.set("k", "v").unwrap();
    });
    let old = browser.visit(|session| session.id()).result;
    browser.visit(|session| {
        session.destroy();
        session.set_flash("bye", "see you").unwrap();
    });
    let seen = browser.visit(|session| {
        (session.principal(), session.len(), session.lenient_flash("bye").text(), session.id() == old)
    });
    assert_eq!(seen.result, (None, 0, Some("see you".to_owned()), false));
    assert_eq!(fixture.count(), 1);
}

#[test]
fn sessions_of_a_principal_are_listed_and_ended() {
    let fixture = Fixture::new();
    let mut browsers = [fixture.browser(), fixture.browser(), fixture.browser()];
    for browser in &mut browsers {
        browser.visit(|session| session.login("ann").unwrap());
        fixture.clock.advance(std::time::Duration::from_secs(1));
    }
    let mut stranger = fixture.browser();
    stranger.visit(|session| session.login("bob").unwrap());

    let listed = block_on(fixture.sessions.sessions_of("ann")).unwrap();
    let ids: Vec<_> =
        browsers.iter_mut().rev().map(|browser| browser.visit(|session| session.id()).result.unwrap()).collect();
    assert_eq!(listed.iter().map(sessions_core::SessionInfo::id).collect::<Vec<_>>(), ids);

    let ended = browsers[1].visit(|session| block_on(session.destroy_others()).unwrap()).result;
    assert_eq!(ended, 2);
    let anonymous = fixture.browser().visit(|session| block_on(session.destroy_others()).unwrap_err().kind()).result;
    assert_eq!(anonymous, ErrorKind::NotSignedIn);
    let alive: Vec<_> = browsers.iter_mut().map(|browser| browser.user().is_some()).collect();
    assert_eq!(alive, [false, true, false]);
    assert_eq!(stranger.user().as_deref(), Some("bob"));

    assert_eq!(block_on(fixture.sessions.destroy_principal("ann")).unwrap(), 1);
    assert_eq!(block_on(fixture.sessions.destroy_all()).unwrap(), 1);
    assert_eq!((browsers[1].user(), stranger.user(), fixture.count()), (None, None, 0));
}

#[test]
fn destroy_by_id_ends_a_session() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let id = browser.visit(|session| session.id()).result.unwrap();
    assert!(block_on(fixture.sessions.destroy_by_id(id)).unwrap());
    assert!(!block_on(fixture.sessions.destroy_by_id(id)).unwrap());
    assert_eq!(browser.get("k"), None);
}

/// Regression: after a login, `update` wrote at once to the session before the login. Whoever had
/// the old token could read the value and sign in as somebody else.
#[test]
fn an_update_saves_a_login_or_renewal_first() {
    let deeds: [fn(&Session); 2] = [|session| session.login("ann").unwrap(), Session::renew];
    for (deed, late) in deeds.into_iter().flat_map(|deed| [(deed, false), (deed, true)]) {
        let fixture = Fixture::new();
        let mut planted = fixture.browser();
        planted.set("cart", "7");
        let mut user = planted.clone();
        fixture.store.late.store(late, std::sync::atomic::Ordering::SeqCst);
        let session = user.start();
        deed(&session);
        block_on(session.update("mail", |_: Option<String>| "ann@example.com".to_owned())).unwrap();
        assert_eq!(planted.get("mail"), None);
        assert!(user.finish(&session, 500).unwrap().set_cookie.is_some());
        assert_eq!((user.get("mail").as_deref(), user.get("cart").as_deref()), (Some("ann@example.com"), Some("7")));
    }

    // In a stream, nobody can be signed in.
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("cart", "7");
    let stream = browser.start();
    browser.finish(&stream, 200).unwrap();
    assert_eq!(stream.login("ann").unwrap_err().kind(), ErrorKind::HeadersSent);
    let refused = block_on(stream.update("mail", |_: Option<String>| String::new())).unwrap_err();
    assert_eq!((refused.kind(), browser.get("mail")), (ErrorKind::HeadersSent, None));
}

/// Regression: it ran with the session locked, and hung for ever.
#[test]
fn a_login_may_be_made_of_the_session() {
    struct Account<'a>(&'a Session);
    impl From<Account<'_>> for String {
        fn from(account: Account<'_>) -> Self {
            account.0.get("account").unwrap().unwrap()
        }
    }
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("account", "ann");
    browser.visit(|session| session.login(Account(session)).unwrap());
    assert_eq!(browser.user().as_deref(), Some("ann"));
}
