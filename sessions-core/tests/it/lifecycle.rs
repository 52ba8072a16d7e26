use pollster::block_on;
use sessions_core::{ErrorKind, Event};

use crate::support::{Fixture, made_up_token};

#[test]
fn a_session_is_created_at_the_first_write_and_found_again() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    assert_eq!(browser.visit(|session| (session.is_new(), session.id())).result, (true, None));
    assert_eq!((fixture.count(), browser.cookie.as_deref()), (0, None));

    browser.set("name", "iris");
    assert_eq!((fixture.count(), browser.get("name").as_deref()), (1, Some("iris")));
    assert!(!browser.visit(|session| session.is_new()).result);
}

#[test]
fn looking_around_stores_nothing_and_sets_no_cookie() {
    let fixture = Fixture::new();
    for round in 0..10_000 {
        let mut browser = fixture.browser();
        browser.cookie = (round % 2 == 1).then(|| format!("__Host-id={}", made_up_token(round)));
        let answer = browser.visit(|session| {
            session.clear();
            session.clear_flashes();
            session.renew();
            let nothing =
                session.remove("k") || session.remove_flash("k") || session.flash::<String>("k").unwrap().is_some();
            nothing || session.contains("k") || !session.is_empty()
        });
        assert!(!answer.result && answer.set_cookie.is_none() && answer.varies);
    }
    assert_eq!(fixture.count(), 0);
}

#[test]
fn an_anonymous_logout_stores_nothing_and_removes_a_dead_cookie() {
    let fixture = Fixture::new();
    assert_eq!(fixture.browser().visit(|session| session.destroy()).set_cookie, None);
    let mut browser = fixture.browser();
    browser.cookie = Some("__Host-id=stale".to_owned());
    let removal = browser.visit(|session| session.destroy()).set_cookie.unwrap();
    assert!(removal.starts_with("__Host-id=;") && removal.contains("Max-Age=0"), "{removal}");
    assert_eq!(fixture.count(), 0);
}

#[test]
fn a_value_set_and_removed_in_one_request_stores_nothing() {
    let fixture = Fixture::new();
    let answer = fixture.browser().visit(|session| {
        session.set("k", "v").unwrap();
        session.set_flash("f", "v").unwrap();
        assert!(session.flash::<String>("f").unwrap().is_some());
        session.remove("k")
    });
    assert_eq!((answer.set_cookie, fixture.count()), (None, 0));
}

#[test]
fn a_foreign_token_is_never_adopted() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let planted = format!("__Host-id={}", made_up_token(1));
    browser.cookie = Some(planted.clone());
    browser.visit(|session| session.login("ann"));
    assert_ne!(browser.cookie.as_deref(), Some(planted.as_str()));
    let mut attacker = fixture.browser();
    attacker.cookie = Some(planted);
    assert_eq!((attacker.user(), browser.user().as_deref()), (None, Some("ann")));
}

#[test]
fn a_login_changes_the_token_and_keeps_id_and_data() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("cart", "full");
    let mut old = browser.clone();
    let id = browser.visit(|session| session.id()).result;

    browser.visit(|session| session.login("ann"));
    assert_ne!(browser.cookie, old.cookie);
    let seen = browser.visit(|session| (session.id(), session.principal(), session.get_string("cart"))).result;
    assert_eq!(seen, (id, Some("ann".to_owned()), Some("full".to_owned())));
    assert_eq!(old.visit(|session| (session.is_new(), session.principal(), session.len())).result, (true, None, 0));
}

#[test]
fn a_login_of_somebody_else_drops_the_data_first() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann");
        session.set("secret", "ann's").unwrap();
        session.set_immutable("plan", "pro").unwrap();
        session.set_flash("note", "for ann").unwrap();
    });
    browser.visit(|session| {
        session.set("early", "still ann's").unwrap();
        session.login("bob");
        session.set("late", "bob's").unwrap();
    });
    let seen = browser
        .visit(|session| (session.principal(), session.entries().into_keys().collect::<Vec<_>>(), session.has_flash()));
    assert_eq!(seen.result, (Some("bob".to_owned()), vec!["late".to_owned()], false));
    assert_eq!(block_on(fixture.sessions.sessions_of("ann")).unwrap().len(), 0);
}

#[test]
fn the_same_person_signing_in_again_keeps_everything() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann");
        session.set("k", "v").unwrap();
    });
    browser.visit(|session| session.login("ann"));
    assert_eq!(browser.get("k").as_deref(), Some("v"));
}

#[test]
fn a_renewal_alone_kills_the_old_token() {
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
    browser.visit(|session| session.login("ann"));
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
fn a_logout_may_leave_a_farewell_in_a_new_session() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann");
        session.set("k", "v").unwrap();
    });
    let old = browser.visit(|session| session.id()).result;
    browser.visit(|session| {
        session.destroy();
        session.set_flash("bye", "see you").unwrap();
    });
    let seen =
        browser.visit(|session| (session.principal(), session.len(), session.flash_string("bye"), session.id() == old));
    assert_eq!(seen.result, (None, 0, Some("see you".to_owned()), false));
    assert_eq!(fixture.count(), 1);
}

#[test]
fn a_failed_response_drops_data_and_keeps_what_protects() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "before");

    let session = browser.start();
    session.set("k", "after").unwrap();
    session.set_flash("f", "x").unwrap();
    session.update_expiration(std::time::Duration::from_secs(1)).unwrap();
    assert_eq!(browser.finish(&session, 500).unwrap().set_cookie, None);
    assert_eq!(browser.get("k").as_deref(), Some("before"));

    let mut old = browser.clone();
    let session = browser.start();
    session.set("k", "after").unwrap();
    session.renew();
    browser.finish(&session, 503).unwrap();
    assert_eq!((browser.get("k").as_deref(), old.get("k")), (Some("before"), None));

    let mut old = browser.clone();
    let session = browser.start();
    session.destroy();
    session.set("k", "successor").unwrap();
    let removal = browser.finish(&session, 500).unwrap().set_cookie.unwrap();
    assert!(removal.contains("Max-Age=0"));
    assert_eq!((old.get("k"), fixture.count()), (None, 0));
}

#[test]
fn a_failed_first_request_stores_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.login("ann");
    assert_eq!(browser.finish(&session, 500).unwrap().set_cookie, None);
    assert_eq!(fixture.count(), 0);
}

#[test]
fn a_save_holds_whatever_the_response_becomes() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("k", "saved").unwrap();
    block_on(session.save()).unwrap();
    assert!(session.id().is_some() && !session.is_new());
    session.set("k", "dropped").unwrap();
    let answer = browser.finish(&session, 500).unwrap();
    assert!(answer.set_cookie.is_some(), "the saved session needs its cookie");
    assert_eq!(browser.get("k").as_deref(), Some("saved"));
}

#[test]
fn the_cookie_of_a_save_reaches_the_client_though_the_commit_fails() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("k", "saved").unwrap();
    block_on(session.save()).unwrap();
    session.set("k", "lost").unwrap();
    fixture.store.write_down.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut error = block_on(session.commit(200)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
    browser.keep(&error.take_attach().take_set_cookie().unwrap());
    assert!(error.take_attach().is_empty());
    assert_eq!(browser.get("k").as_deref(), Some("saved"));
}

#[test]
fn a_session_saved_and_destroyed_in_one_request_leaves_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("k", "v").unwrap();
    block_on(session.save()).unwrap();
    session.destroy();
    assert_eq!(browser.finish(&session, 200).unwrap().set_cookie, None);
    assert_eq!(fixture.count(), 0);
}

#[test]
fn a_handle_goes_on_after_the_head_for_a_stored_session_only() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let stream = browser.start();
    browser.finish(&stream, 200).unwrap();
    assert_eq!(stream.set("k", "v").unwrap_err().kind(), ErrorKind::AlreadyCommitted);

    browser.set("k", "1");
    let stream = browser.start();
    stream.set("k", "2").unwrap();
    browser.finish(&stream, 200).unwrap();
    assert_eq!(stream.get_string("k").as_deref(), Some("2"));
    stream.set("k", "3").unwrap();
    stream.increment("n", 1).unwrap();
    block_on(stream.save()).unwrap();
    assert_eq!(
        browser.visit(|session| (session.get_string("k"), session.get_i64("n"))).result,
        (Some("3".to_owned()), Some(1))
    );

    browser.set("k", "4");
    block_on(stream.reload()).unwrap();
    assert_eq!(stream.get_string("k").as_deref(), Some("4"));

    stream.renew();
    assert_eq!(block_on(stream.save()).unwrap_err().kind(), ErrorKind::AlreadyCommitted);
}

#[test]
fn a_stream_can_destroy_its_session() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "1");
    let stream = browser.start();
    browser.finish(&stream, 200).unwrap();
    stream.destroy();
    block_on(stream.save()).unwrap();
    assert_eq!((browser.get("k"), fixture.count()), (None, 0));
}

#[test]
fn a_stream_of_an_ended_session_is_told() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "1");
    let stream = browser.start();
    browser.finish(&stream, 200).unwrap();
    browser.visit(|session| session.destroy());
    stream.set("k", "2").unwrap();
    assert_eq!(block_on(stream.save()).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(stream.set("k", "3").unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(fixture.count(), 0);
}

#[test]
fn what_a_stream_never_saves_is_told() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "1");
    let stream = browser.start();
    let id = stream.id();
    browser.finish(&stream, 200).unwrap();
    stream.set("k", "2").unwrap();
    fixture.take_events();
    drop(stream);
    assert_eq!(fixture.take_events(), [Event::Unsaved { id }]);
    browser.visit(|session| session.set("k", "3").unwrap());
    assert_eq!(fixture.take_events(), []);
}

#[test]
fn a_second_commit_does_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("k", "v").unwrap();
    assert!(browser.finish(&session, 200).unwrap().set_cookie.is_some());
    let again = browser.finish(&session, 200).unwrap();
    assert!(again.set_cookie.is_none() && !again.varies);
}

#[test]
fn an_exchange_that_nobody_asked_attaches_nothing_and_asks_no_store() {
    let fixture = Fixture::new();
    assert!(block_on(fixture.sessions.open().commit(200)).unwrap().is_empty());
    assert_eq!(fixture.store.counts(), (0, 0));
}

#[test]
fn a_request_costs_one_load_and_one_write_at_most() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.len());
    assert_eq!(fixture.store.counts(), (0, 0), "a visitor who looks");
    browser.visit(|session| session.login("ann"));
    assert_eq!(fixture.store.counts(), (0, 1), "a new session");
    browser.visit(|session| session.len());
    assert_eq!(fixture.store.counts(), (1, 0), "a read");
    browser.visit(|session| {
        session.set("a", "1").unwrap();
        session.increment("n", 1).unwrap();
        session.set_flash("f", "x").unwrap();
        session.renew();
    });
    assert_eq!(fixture.store.counts(), (1, 1), "many writes");
    browser.visit(|session| session.destroy());
    assert_eq!(fixture.store.counts(), (1, 1), "a logout");
}

#[test]
fn an_entry_is_taken_once() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("code", "123");
    let (first, second) = (browser.start(), browser.start());
    assert_eq!(block_on(first.take::<String>("code")).unwrap().as_deref(), Some("123"));
    assert_eq!(block_on(second.take::<String>("code")).unwrap(), None);
    assert!(!first.contains("code") && !second.contains("code"));
    let own = fixture.browser().start();
    own.set("code", "9").unwrap();
    assert_eq!(block_on(own.take::<String>("code")).unwrap().as_deref(), Some("9"));
    assert!(!own.contains("code"));
}

#[test]
fn an_update_sees_what_others_wrote() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set("list", &[1]).unwrap());
    let late = browser.start();
    browser.visit(|session| session.set("list", &[1, 2]).unwrap());
    let push = |list: Option<Vec<u32>>| {
        let mut list = list.unwrap_or_default();
        list.push(3);
        list
    };
    assert_eq!(block_on(late.update("list", push)).unwrap(), [1, 2, 3]);
    assert_eq!(late.get::<Vec<u32>>("list").unwrap(), Some(vec![1, 2, 3]));
    assert_eq!(browser.visit(|session| session.get::<Vec<u32>>("list").unwrap()).result, Some(vec![1, 2, 3]));
}

#[test]
fn an_update_of_an_immutable_entry_is_refused_before_the_store_is_asked() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set_immutable("plan", "pro").unwrap());
    let session = browser.start();
    fixture.store.counts();
    let refused = block_on(session.update("plan", |_: Option<String>| "free".to_owned())).unwrap_err();
    assert_eq!((refused.kind(), fixture.store.counts()), (ErrorKind::Immutable, (0, 0)));
    assert_eq!(browser.get("plan").as_deref(), Some("pro"));
}

#[test]
fn devices_are_listed_and_ended() {
    let fixture = Fixture::new();
    let mut browsers = [fixture.browser(), fixture.browser(), fixture.browser()];
    for browser in &mut browsers {
        browser.visit(|session| session.login("ann"));
        fixture.clock.advance(std::time::Duration::from_secs(1));
    }
    let mut stranger = fixture.browser();
    stranger.visit(|session| session.login("bob"));

    let listed = block_on(fixture.sessions.sessions_of("ann")).unwrap();
    let ids: Vec<_> =
        browsers.iter_mut().rev().map(|browser| browser.visit(|session| session.id()).result.unwrap()).collect();
    assert_eq!(listed.iter().map(sessions_core::SessionInfo::id).collect::<Vec<_>>(), ids);

    let ended = browsers[1].visit(|session| block_on(session.destroy_others()).unwrap()).result;
    assert_eq!(ended, 2);
    let alive: Vec<_> = browsers.iter_mut().map(|browser| browser.user().is_some()).collect();
    assert_eq!(alive, [false, true, false]);
    assert_eq!(stranger.user().as_deref(), Some("bob"));

    assert_eq!(block_on(fixture.sessions.destroy_principal("ann")).unwrap(), 1);
    assert_eq!(block_on(fixture.sessions.destroy_all()).unwrap(), 1);
    assert_eq!((browsers[1].user(), stranger.user(), fixture.count()), (None, None, 0));
}

#[test]
fn a_session_is_ended_by_its_public_id() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let id = browser.visit(|session| session.id()).result.unwrap();
    assert!(block_on(fixture.sessions.destroy_by_id(id)).unwrap());
    assert!(!block_on(fixture.sessions.destroy_by_id(id)).unwrap());
    assert_eq!(browser.get("k"), None);
}

#[test]
fn flashes_are_gone_with_the_next_request_and_survive_being_unread() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set_flash("a", "1").unwrap());
    browser.visit(|session| session.set_flash("b", &2).unwrap());
    assert_eq!(browser.visit(|session| session.peek_flash::<String>("a").unwrap()).result.as_deref(), Some("1"));
    let twice = browser.visit(|session| (session.flash_string("a"), session.flash_string("a"))).result;
    assert_eq!(twice, (Some("1".to_owned()), Some("1".to_owned())));
    let rest = browser
        .visit(|session| session.flashes().into_iter().map(|(key, value)| (key, value.as_i64())).collect::<Vec<_>>());
    assert_eq!(rest.result, [("b".to_owned(), Some(2))]);
    assert!(!browser.visit(|session| session.has_flash()).result);
}

#[test]
fn entries_and_typed_getters_read_what_was_set() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.set("text", "1").unwrap();
        session.set("whole", &-7).unwrap();
        session.set("real", &2.5).unwrap();
        session.set("truth", &true).unwrap();
        session.set("list", &["a", "ü%"]).unwrap();
    });
    browser.visit(|session| {
        assert_eq!(
            (session.get_i64("text"), session.get_bool("text"), session.get_f64_or("text", 0.0)),
            (Some(1), Some(true), 1.0)
        );
        assert_eq!((session.get_string("whole").as_deref(), session.get_i64_or("none", 3)), (Some("-7"), 3));
        assert_eq!((session.get_f64("real"), session.get_bool_or("truth", false)), (Some(2.5), true));
        assert_eq!(session.get::<u32>("whole").unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(session.get::<u32>("none").unwrap(), None);
        let entries = session.entries();
        assert_eq!((session.len(), entries.len(), entries["truth"].as_bool()), (5, 5, Some(true)));
        assert_eq!(entries["list"].get::<Vec<String>>().unwrap(), ["a", "ü%"]);
    });
}
