//! Saving before the response, and after its headers were sent.

use std::time::Duration;

use pollster::block_on;
use sessions_core::{Error, ErrorKind, Event, Login, Session};

use crate::log::logged;
use crate::support::{Fixture, varies};

#[test]
fn save_survives_a_failed_response() {
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
fn saved_cookie_is_sent_if_the_commit_fails() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let session = browser.start();
    session.set("k", "saved").unwrap();
    block_on(session.save()).unwrap();
    session.set("k", "lost").unwrap();
    fixture.store.write_down.store(true, std::sync::atomic::Ordering::SeqCst);
    let error = block_on(session.exchange().end(200)).unwrap_err();
    assert!(!error.headers().is_empty());
    let (error, mut headers) = error.into_parts();
    assert_eq!(error.kind(), ErrorKind::StoreUnavailable);
    browser.keep(&headers.take_set_cookie().unwrap());
    assert!(varies(headers));
    assert_eq!(browser.get("k").as_deref(), Some("saved"));
}

#[test]
fn save_without_a_new_token_sends_no_cookie() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let session = browser.start();
    session.set("k", "saved").unwrap();
    block_on(session.save()).unwrap();
    session.set("k", "saved again").unwrap();
    assert_eq!(browser.finish(&session, 200).unwrap().set_cookie, None);
}

#[test]
fn ending_again_does_nothing() {
    let changes: [fn(&Session); 3] = [Session::renew, Session::destroy, |session| session.shift_expiration().unwrap()];
    for change in changes {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        browser.set("k", "v");
        let session = browser.start();
        browser.finish(&session, 200).unwrap();
        change(&session);
        fixture.store.counts();
        let headers = block_on(session.exchange().end(200)).unwrap();
        assert!(headers.is_empty());
        assert_eq!(fixture.store.counts(), (0, 0));
    }
}

#[test]
fn save_then_destroy_leaves_nothing() {
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
fn late_writes_need_a_stored_session() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let stream = browser.start();
    block_on(stream.reload()).unwrap();
    browser.finish(&stream, 200).unwrap();
    assert_eq!(stream.set("k", "v").unwrap_err().kind(), ErrorKind::HeadersSent);

    browser.set("k", "1");
    let stream = browser.start();
    stream.set("k", "2").unwrap();
    browser.finish(&stream, 200).unwrap();
    assert_eq!(stream.lenient("k").text().as_deref(), Some("2"));
    stream.set("k", "3").unwrap();
    stream.increment("n", 1).unwrap();
    block_on(stream.save()).unwrap();
    assert_eq!(
        browser.visit(|session| (session.lenient("k").text(), session.lenient("n").i64())).result,
        (Some("3".to_owned()), Some(1))
    );

    browser.set("k", "4");
    block_on(stream.reload()).unwrap();
    assert_eq!(stream.lenient("k").text().as_deref(), Some("4"));

    stream.renew();
    stream.update_expiration(Duration::from_secs(60)).unwrap();
    assert_eq!(block_on(stream.save()).unwrap_err().kind(), ErrorKind::HeadersSent);
    block_on(stream.save()).unwrap();
    fixture.clock.advance(Duration::from_secs(60));
    assert_eq!(browser.get("k"), None, "what needs no cookie was saved");
}

#[test]
fn stream_can_destroy_its_session() {
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
fn stream_of_an_ended_session_gets_gone() {
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
fn stream_of_a_session_that_a_touch_finds_ended_is_empty() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "1");
    fixture.clock.advance(Duration::from_secs(120));
    let stream = browser.start();
    browser.clone().visit(|session| session.destroy());
    assert_eq!(stream.lenient("k").text().as_deref(), Some("1"));
    browser.finish(&stream, 200).unwrap();
    assert_eq!((stream.lenient("k").text(), stream.id()), (None, None));
}

#[test]
fn unsaved_stream_writes_are_reported() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "1");
    let stream = browser.start();
    let id = stream.id();
    browser.finish(&stream, 200).unwrap();
    stream.set("k", "2").unwrap();
    fixture.take_events();
    drop(stream);
    assert!(matches!(fixture.take_events()[..], [Event::Unsaved { id: unsaved, .. }] if unsaved == id));
    browser.visit(|session| session.set("k", "3").unwrap());
    assert_eq!(fixture.take_events(), []);
}

/// Regression: a logout whose request was never finished was lost silently.
#[test]
fn a_request_that_is_never_ended_is_reported() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "1");
    let id = browser.visit(Session::id).result;
    let works: [fn(&Session); 3] =
        [|session| session.set("k", "2").unwrap(), Session::destroy, |session| session.login("ann").unwrap()];
    for (round, work) in works.into_iter().enumerate() {
        fixture.take_events();
        let lines = logged(|| work(&browser.start()));
        let events = fixture.take_events();
        assert!(matches!(events[..], [Event::Unsaved { id: unsaved, .. }] if unsaved == id), "{events:?}");
        // Clients can cause this, so there is one warning a minute.
        let warns = lines.iter().filter(|line| line.starts_with("WARN ")).count();
        assert_eq!(warns, usize::from(round == 0), "{lines:?}");
    }
    drop(browser.start().lenient("k").text());
    assert_eq!(fixture.take_events(), [], "nothing was written");
}

type Write = fn(&Session) -> Result<(), Error>;

#[test]
fn save_after_a_refused_write_fails() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let stream = browser.start();
    browser.finish(&stream, 200).unwrap();
    let writes: [Write; 3] = [
        |stream| stream.set("k", "v"),
        |stream| stream.set_flash("k", "v"),
        |stream| stream.increment("k", 1).map(drop),
    ];
    for write in writes {
        let refused = write(&stream).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::HeadersSent);
        assert!(refused.to_string().contains("before the response starts"), "{refused}");
        assert_eq!(block_on(stream.save()).unwrap_err().kind(), ErrorKind::HeadersSent);
        block_on(stream.save()).unwrap();
    }
    assert_eq!(fixture.count(), 0);
}

#[test]
fn session_can_move_into_a_task() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("progress", "0");
    let session = browser.start();
    let task = session.clone();
    browser.finish(&session, 200).unwrap();
    drop(session);
    std::thread::spawn(move || {
        task.set("progress", "100").unwrap();
        block_on(task.save()).unwrap();
    })
    .join()
    .unwrap();
    assert_eq!(browser.get("progress").as_deref(), Some("100"));
}

/// Regression: with a writing middleware outside the CORS layer, 100 preflights created 100
/// sessions.
#[test]
fn preflight_begins_no_session() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let exchange = fixture.sessions.open_for("OPTIONS");
    let session = block_on(exchange.session([])).unwrap();
    session.set("seen", "1").unwrap();
    assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::NoSession);
    session.login("ann").unwrap();
    assert_eq!(browser.finish(&session, 204).unwrap().set_cookie, None);
    assert_eq!(fixture.count(), 0);

    browser.set("seen", "1");
    let exchange = fixture.sessions.open_for("OPTIONS");
    let session = block_on(exchange.session([browser.cookie.as_deref().unwrap().as_bytes()])).unwrap();
    session.set("seen", "2").unwrap();
    browser.finish(&session, 204).unwrap();
    assert_eq!(browser.get("seen").as_deref(), Some("2"), "one that exists is written to");

    let exchange = fixture.sessions.open_for("OPTIONS");
    let session = block_on(exchange.session([browser.cookie.as_deref().unwrap().as_bytes()])).unwrap();
    session.destroy();
    session.set("seen", "3").unwrap();
    assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::NoSession);
    browser.finish(&session, 204).unwrap();
    assert_eq!(fixture.count(), 0, "it ends, and no other begins");
}

/// Regression: after a refused login, the next save wrote its entries into the session of the
/// signed-in principal, removed theirs and restarted their absolute timeout.
#[test]
fn a_late_login_leaves_nothing() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.login("ann").unwrap();
        session.set("cart", "ann's").unwrap();
    });
    let before = block_on(fixture.sessions.sessions_of("ann")).unwrap()[0].expires_at();
    let stream = browser.start();
    browser.finish(&stream, 200).unwrap();
    let login = Login::new("bob").remember(Duration::from_secs(30 * 24 * 60 * 60));
    assert_eq!(stream.login(login).unwrap_err().kind(), ErrorKind::HeadersSent);
    stream.set("mail", "bob's").unwrap();
    assert_eq!(block_on(stream.save()).unwrap_err().kind(), ErrorKind::HeadersSent);
    assert_eq!((stream.principal().as_deref(), stream.contains("mail")), (Some("ann"), false));
    block_on(stream.save()).unwrap();
    drop(stream);
    let info = &block_on(fixture.sessions.sessions_of("ann")).unwrap()[0];
    assert_eq!(info.expires_at(), before);
    let seen = browser.visit(|session| (session.lenient("cart").text(), session.lenient("mail").text())).result;
    assert_eq!(seen, (Some("ann's".to_owned()), None));
}
