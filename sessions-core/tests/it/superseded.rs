//! Requests that still carry the token from before a renewal.

use std::time::Duration;

use pollster::block_on;
use sessions_core::{ErrorKind, RejectReason, Session};

use crate::support::{Browser, Fixture, orders};

/// Returns a visitor with a cart before and after a login: one browser with requests under way that
/// carry its old token.
fn overtaken(fixture: &Fixture, user: &str) -> (Browser, Browser) {
    let mut old = fixture.browser();
    old.set("cart", "7");
    let mut new = old.clone();
    new.visit(|session| session.login(user).unwrap());
    assert_ne!(old.cookie, new.cookie);
    (old, new)
}

#[test]
fn a_read_gets_an_empty_session_and_no_cookie() {
    let fixture = Fixture::new();
    let (mut old, mut new) = overtaken(&fixture, "ann");
    let id = new.visit(|session| session.id()).result;
    fixture.take_events();
    let read = old.visit(|session| (session.principal(), session.entries().len(), session.is_new()));
    assert_eq!((read.result, read.set_cookie), ((None, 0, true), None));
    assert_eq!(fixture.take_rejections(), [(id, RejectReason::Superseded)]);
    assert_eq!((new.user().as_deref(), new.get("cart").as_deref()), (Some("ann"), Some("7")));
}

#[test]
fn writes_are_refused_and_begin_no_session() {
    let fixture = Fixture::new();
    let (old, mut new) = overtaken(&fixture, "ann");
    let writes: [fn(&Session); 5] = [
        |session| session.set("k", "v").unwrap(),
        |session| assert_eq!(session.increment("n", 1).unwrap(), 1),
        |session| session.set_flash("f", "v").unwrap(),
        |session| session.renew(),
        |session| session.destroy(),
    ];
    for write in writes {
        let mut old = old.clone();
        let session = old.start();
        write(&session);
        assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::Gone);
        let refused = old.finish(&session, 200).unwrap_err();
        assert_eq!((refused.kind(), refused.status()), (ErrorKind::Gone, 401));
        let (_, mut headers) = refused.into_parts();
        assert!(headers.take_set_cookie().is_none());
    }
    assert_eq!((fixture.count(), new.user().as_deref()), (1, Some("ann")));
}

#[test]
fn a_second_login_of_the_same_person_has_the_cart_too() {
    let fixture = Fixture::new();
    let (mut old, mut new) = overtaken(&fixture, "ann");
    new.visit(|session| session.set_immutable("plan", "gold").unwrap());
    old.visit(|session| session.login("ann").unwrap());
    for browser in [&mut old, &mut new] {
        assert_eq!((browser.user().as_deref(), browser.get("cart").as_deref()), (Some("ann"), Some("7")));
        assert_eq!(browser.get("plan").as_deref(), Some("gold"));
        let kind = browser.visit(|session| session.set("plan", "free").unwrap_err().kind()).result;
        assert_eq!(kind, ErrorKind::Immutable);
    }
    assert_ne!(old.cookie, new.cookie);
    assert_eq!(fixture.count(), 2);
}

#[test]
fn a_login_of_another_person_gets_nothing() {
    let fixture = Fixture::new();
    let (mut old, mut new) = overtaken(&fixture, "ann");
    old.visit(|session| session.login("bob").unwrap());
    assert_eq!((old.user().as_deref(), old.get("cart")), (Some("bob"), None));
    assert_eq!((new.user().as_deref(), new.get("cart").as_deref()), (Some("ann"), Some("7")));
}

#[test]
fn after_the_grace_the_token_is_unknown() {
    let fixture = Fixture::with(|builder| builder.renewal_grace(Duration::from_secs(10)));
    let (old, mut new) = overtaken(&fixture, "ann");
    let id = new.visit(|session| session.id()).result;
    let reason_after = |seconds| {
        fixture.clock.advance(Duration::from_secs(seconds));
        fixture.take_events();
        let _ = old.start();
        fixture.take_rejections()
    };
    assert_eq!(reason_after(9), [(id, RejectReason::Superseded)]);
    assert_eq!(reason_after(1), [(id, RejectReason::WrongSecret)]);
    // A write then begins a session, as with any unknown token.
    let mut late = old.clone();
    late.set("k", "v");
    assert_eq!(late.get("k").as_deref(), Some("v"));
    assert_eq!(fixture.count(), 2);
}

/// A write, a read of a flash and two logins with one cookie, each begun and ended in all orders.
#[test]
fn no_order_of_logins_loses_the_cart_or_signs_anybody_out() {
    let all = orders(4, 2);
    assert_eq!(all.len(), 2520);
    for (other, order) in ["ann", "bob"].iter().flat_map(|other| all.iter().map(move |order| (*other, order))) {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        browser.visit(|session| {
            session.set("cart", "7").unwrap();
            session.set_flash("notice", "saved").unwrap();
        });
        let users = [None, None, Some("ann"), Some(other)];
        let mut tabs = [(); 4].map(|()| browser.clone());
        let mut sessions: [Option<Session>; 4] = [const { None }; 4];
        let (mut shown, mut written, mut first) = (None, false, None);
        for request in order {
            let Some(session) = sessions[*request].take() else {
                sessions[*request] = Some(tabs[*request].start());
                continue;
            };
            match *request {
                0 => session.set("k", "v").unwrap(),
                1 => shown = session.flash::<String>("notice").unwrap(),
                _ => session.login(users[*request].unwrap()).unwrap(),
            }
            let ended = tabs[*request].finish(&session, 200);
            match *request {
                0 | 1 => match ended {
                    Ok(answer) => {
                        assert_eq!(answer.set_cookie, None, "{order:?}");
                        written |= *request == 0;
                    }
                    Err(refused) => assert_eq!(refused.kind(), ErrorKind::Gone, "{order:?}"),
                },
                _ => {
                    assert!(ended.unwrap().set_cookie.is_some(), "{order:?}");
                    first = first.or(Some(*request));
                }
            }
        }
        let first = first.unwrap();
        for login in [2, 3] {
            assert_eq!(tabs[login].user().as_deref(), users[login], "{order:?}");
            let cart = Some("7").filter(|_| users[login] == users[first]);
            assert_eq!(tabs[login].get("cart").as_deref(), cart, "{order:?}");
        }
        assert_eq!(tabs[first].get("k").is_some(), written, "{order:?}");
        let again = tabs[first].visit(|session| session.flash::<String>("notice").unwrap()).result;
        assert!(shown.is_none() || again.is_none(), "{order:?}: a flash was shown twice");
    }
}

#[test]
fn the_last_three_tokens_are_superseded() {
    let fixture = Fixture::new();
    let (oldest, mut new) = overtaken(&fixture, "ann");
    let mut older = vec![oldest];
    for _ in 0..3 {
        older.push(new.clone());
        new.visit(|session| session.renew());
    }
    let id = new.visit(|session| session.id()).result;
    fixture.take_events();
    older.iter().for_each(|browser| drop(browser.start()));
    let superseded = RejectReason::Superseded;
    let reasons = [RejectReason::WrongSecret, superseded, superseded, superseded];
    assert_eq!(fixture.take_rejections(), reasons.map(|reason| (id, reason)));
}

#[test]
fn a_flash_that_an_overtaken_request_read_is_not_shown_again() {
    for late in [false, true] {
        let fixture = if late { Fixture::late() } else { Fixture::new() };
        let mut old = fixture.browser();
        old.visit(|session| session.set_flash("notice", "saved").unwrap());
        let reading = old.start();
        assert_eq!(reading.flash::<String>("notice").unwrap().as_deref(), Some("saved"));
        let mut new = old.clone();
        new.visit(|session| session.login("ann").unwrap());
        let answer = old.finish(&reading, 200).unwrap();
        assert_eq!(answer.set_cookie, None);
        // The request was overtaken, so its handle does not show the login.
        assert_eq!((reading.principal(), reading.id()), (None, None));
        assert_eq!(new.visit(|session| session.flash::<String>("notice").unwrap()).result, None);
        assert_eq!(new.user().as_deref(), Some("ann"));
    }
}

#[test]
fn an_overtaken_write_is_refused_with_its_flash() {
    let fixture = Fixture::new();
    let mut old = fixture.browser();
    old.visit(|session| session.set_flash("notice", "saved").unwrap());
    let writing = old.start();
    let _ = writing.flash::<String>("notice").unwrap();
    writing.set("k", "v").unwrap();
    let mut new = old.clone();
    new.visit(|session| session.login("ann").unwrap());
    assert_eq!(old.finish(&writing, 200).unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(new.get("k"), None);
}

#[test]
fn a_live_token_counts_beside_a_superseded_one() {
    let fixture = Fixture::new();
    let (old, new) = overtaken(&fixture, "ann");
    for pair in [[&old, &new], [&new, &old]] {
        let cookies = pair.map(|browser| browser.cookie.clone().unwrap().into_bytes());
        let session = block_on(fixture.sessions.open().session(cookies.iter().map(Vec::as_slice))).unwrap();
        assert_eq!(session.principal().as_deref(), Some("ann"));
    }
}

#[test]
fn a_login_that_another_one_overtakes_has_the_cart_too() {
    for late in [false, true] {
        let fixture = if late { Fixture::late() } else { Fixture::new() };
        let mut slow = fixture.browser();
        slow.set("cart", "7");
        let signing_in = slow.start();
        signing_in.login("ann").unwrap();
        signing_in.set("own", "1").unwrap();
        let mut other = slow.clone();
        let mut fast = slow.clone();
        fast.visit(|session| session.login("ann").unwrap());
        let as_bob = other.start();
        as_bob.login("bob").unwrap();
        slow.finish(&signing_in, 200).unwrap();
        other.finish(&as_bob, 200).unwrap();
        assert_eq!((slow.get("cart").as_deref(), slow.get("own").as_deref()), (Some("7"), Some("1")));
        assert_eq!((fast.get("cart").as_deref(), fast.get("own")), (Some("7"), None));
        assert_eq!((other.user().as_deref(), other.get("cart")), (Some("bob"), None));
    }
}

#[test]
fn a_login_after_a_logout_gets_none_of_the_old_data() {
    let fixture = Fixture::new();
    let mut slow = fixture.browser();
    slow.set("cart", "7");
    let signing_in = slow.start();
    signing_in.login("ann").unwrap();
    slow.clone().visit(|session| session.destroy());
    slow.finish(&signing_in, 200).unwrap();
    assert_eq!((slow.user().as_deref(), slow.get("cart")), (Some("ann"), None));
}
