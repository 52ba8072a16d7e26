//! Tokens in the `Authorization` header.

use std::time::Duration;

use pollster::block_on;
use sessions_core::adapter::{CommitError, RequestHeader, SessionHeaders};
use sessions_core::{Error, ErrorKind, Expiry, Issued, Login, RejectReason, Session, SessionsBuilder};

use crate::support::{Fake, Fixture, made_up_token};

fn fixture_with(options: impl FnOnce(SessionsBuilder) -> SessionsBuilder) -> (Fixture, Issued) {
    let fixture = Fixture::with(|builder| options(builder.bearer(true)));
    let issued = block_on(fixture.sessions.issue(Login::new("ann"))).unwrap();
    fixture.take_events();
    (fixture, issued)
}

fn fixture() -> (Fixture, Issued) {
    fixture_with(|builder| builder)
}

fn request(token: &str) -> Fake {
    Fake::new("POST", "/").with(&[(RequestHeader::Authorization, &format!("Bearer {token}"))])
}

/// Runs a whole request.
fn visit<R>(
    fixture: &Fixture,
    request: &Fake,
    handler: impl FnOnce(&Session) -> R,
) -> Result<(R, Result<SessionHeaders, CommitError>), Error> {
    let exchange = fixture.sessions.open();
    let session = block_on(exchange.session_from(request))?;
    let result = handler(&session);
    Ok((result, block_on(exchange.end(200))))
}

/// Runs a request that must succeed, and checks that it is answered without a cookie.
fn ask<R>(fixture: &Fixture, token: &str, handler: impl FnOnce(&Session) -> R) -> R {
    let (result, headers) = visit(fixture, &request(token), handler).unwrap();
    assert!(headers.unwrap().take_set_cookie().is_none());
    result
}

#[test]
fn a_bearer_token_opens_its_session_without_a_cookie() {
    for expiry in [Expiry::default(), Expiry::default().persistent_cookie(true)] {
        let (fixture, issued) = fixture_with(|builder| builder.expiry(expiry).rotate_every(Duration::from_secs(1)));
        fixture.clock.advance(Duration::from_secs(600));
        assert_eq!(ask(&fixture, issued.token(), Session::principal).as_deref(), Some("ann"));
        ask(&fixture, issued.token(), |session| session.set("k", "v").unwrap());
        fixture.clock.advance(Duration::from_secs(600));
        assert_eq!(ask(&fixture, issued.token(), |session| session.lenient("k").text()).as_deref(), Some("v"));
        let bearer = ask(&fixture, issued.token(), Session::bearer_token).unwrap();
        assert_eq!(bearer.as_deref(), Some(issued.token()), "a bearer token is not rotated");
        ask(&fixture, issued.token(), Session::destroy);
        assert_eq!(ask(&fixture, issued.token(), Session::principal), None);
    }
}

#[test]
fn a_bearer_token_that_never_changes_costs_no_write() {
    let second = Duration::from_secs(1);
    let (fixture, issued) = fixture_with(|builder| builder.rotate_every(second));
    fixture.clock.advance(second);
    fixture.store.counts();
    ask(&fixture, issued.token(), Session::principal);
    assert_eq!(fixture.store.counts(), (1, 0), "one load");
}

#[test]
fn without_the_option_no_token_is_read() {
    let (fixture, issued) = fixture_with(|builder| builder.bearer(false));
    let (principal, headers) = visit(&fixture, &request(issued.token()), Session::principal).unwrap();
    assert_eq!(principal, None);
    let mut other = fixture.browser();
    other.cookie = Some(issued.cookie().to_owned());
    assert_eq!(other.user().as_deref(), Some("ann"), "the cookie is read");
    drop(headers);
}

#[test]
fn a_request_has_one_token() {
    let (fixture, issued) = fixture();
    let cookie = issued.cookie().to_owned();
    let both = request(issued.token()).with(&[(RequestHeader::Cookie, &cookie)]);
    let twice = request(issued.token()).with(&[(RequestHeader::Authorization, "bearer x")]);
    for request in [both, twice] {
        let error = visit(&fixture, &request, Session::principal).unwrap_err();
        assert_eq!((error.kind(), error.status(), error.is_servers_fault()), (ErrorKind::TwoTransports, 400, false));
        assert_eq!(fixture.take_rejections(), [(None, RejectReason::TwoTransports)]);
    }
    let foreign = request(issued.token()).with(&[(RequestHeader::Cookie, "theme=dark")]);
    assert_eq!(visit(&fixture, &foreign, Session::principal).unwrap().0.as_deref(), Some("ann"));
    let basic = Fake::get("/").with(&[(RequestHeader::Authorization, "Basic YTpi"), (RequestHeader::Cookie, &cookie)]);
    assert_eq!(visit(&fixture, &basic, Session::principal).unwrap().0.as_deref(), Some("ann"));
}

#[test]
fn a_token_that_opens_nothing_begins_nothing() {
    let (fixture, issued) = fixture();
    let old = issued.token().to_owned();
    ask(&fixture, &old, |session| {
        session.renew();
        block_on(session.save()).unwrap();
    });
    for token in ["", "garbage", &made_up_token(7), &old] {
        assert_eq!(ask(&fixture, token, |session| (session.principal(), session.len())), (None, 0), "{token}");
        let writes: [fn(&Session); 4] = [
            |session| session.set("k", "v").unwrap(),
            |session| session.login("eve").unwrap(),
            Session::renew,
            Session::destroy,
        ];
        for write in writes {
            let (saved, ended) = visit(&fixture, &request(token), |session| {
                write(session);
                block_on(session.save()).unwrap_err().kind()
            })
            .unwrap();
            let ended = ended.unwrap_err();
            assert_eq!((saved, ended.kind(), ended.status()), (ErrorKind::Gone, ErrorKind::Gone, 401));
            assert!(ended.error().chain().to_string().ends_with(": the bearer token opens no session"), "{ended}");
        }
    }
    assert_eq!(fixture.count(), 1);
}

/// Regression: the writes were dropped, and the response and the save claimed success.
#[test]
fn what_follows_a_destroy_is_refused() {
    let writes: [fn(&Session); 2] = [|session| session.set("k", "v").unwrap(), |session| session.login("ben").unwrap()];
    for write in writes {
        for (saves_before, saves_after) in [(false, false), (false, true), (true, false), (true, true)] {
            let (fixture, issued) = fixture();
            let (_, ended) = visit(&fixture, &request(issued.token()), |session| {
                session.destroy();
                if saves_before {
                    block_on(session.save()).unwrap();
                }
                write(session);
                if saves_after {
                    assert_eq!(block_on(session.save()).unwrap_err().kind(), ErrorKind::Gone);
                }
            })
            .unwrap();
            assert_eq!(ended.unwrap_err().kind(), ErrorKind::Gone);
            assert_eq!(fixture.count(), 0);
        }
    }
}

#[test]
fn a_farewell_flash_is_dropped() {
    let (fixture, issued) = fixture();
    ask(&fixture, issued.token(), |session| {
        session.destroy();
        session.set_flash("bye", "x").unwrap();
        block_on(session.save()).unwrap();
        session.set_flash("bye", "y").unwrap();
    });
    assert_eq!(fixture.count(), 0);
}

#[test]
fn a_renewed_token_is_handed_out_by_the_application() {
    let (fixture, issued) = fixture();
    let new = ask(&fixture, issued.token(), |session| {
        session.confirm().unwrap();
        block_on(session.save()).unwrap();
        session.bearer_token().unwrap().unwrap()
    });
    assert_ne!(new, issued.token());
    assert_eq!(ask(&fixture, &new, Session::principal).as_deref(), Some("ann"));
    assert_eq!(ask(&fixture, issued.token(), Session::principal), None);
    assert_eq!(fixture.browser().start().bearer_token().unwrap(), None);
}

#[test]
fn a_login_on_a_session_that_ended_meanwhile_is_refused() {
    for is_noticed in [false, true] {
        let (fixture, issued) = fixture();
        let (_, ended) = visit(&fixture, &request(issued.token()), |session| {
            ask(&fixture, issued.token(), Session::destroy);
            if is_noticed {
                assert_eq!(block_on(session.reload()).unwrap_err().kind(), ErrorKind::Gone);
            }
            session.login("ann").unwrap();
        })
        .unwrap();
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Gone);
        assert_eq!(fixture.count(), 0);
    }
}

/// Regression: `update` and `take` asked for a cookie to be sent again, which cost one more write.
#[test]
fn no_write_is_made_for_a_cookie_that_is_not_sent() {
    let (fixture, _) = fixture();
    let remembered = Login::new("ann").remember(Duration::from_secs(24 * 60 * 60));
    let issued = block_on(fixture.sessions.issue(remembered)).unwrap();
    fixture.store.counts();
    ask(&fixture, issued.token(), |session| {
        block_on(session.update("n", |n: Option<i64>| n.unwrap_or(0) + 1)).unwrap();
        assert_eq!(block_on(session.take("n")).unwrap(), Some(1));
    });
    assert_eq!(fixture.store.counts().1, 2);
}
