//! Requests to sessions-core alone, without a framework.

use std::hint::black_box;

use pollster::block_on;
use sessions_core::{Error, Exchange, Session, SessionHeaders, Sessions};

/// Is what a request does with its session.
pub type Handler = fn(&Session) -> Result<(), Error>;

/// Does for one request what an adapter does; one without a handler never asks for its session.
///
/// # Panics
///
/// Panics if anything fails.
pub fn visit(sessions: &Sessions, cookie: Option<&[u8]>, handler: Option<Handler>) -> SessionHeaders {
    match handler {
        Some(handle) => ask(sessions, cookie, handle),
        None => end(sessions.open()),
    }
}

/// Does so with a handler that may know more than its session.
///
/// # Panics
///
/// Panics if anything fails.
pub fn ask(sessions: &Sessions, cookie: Option<&[u8]>, handle: impl FnOnce(&Session) -> Result<(), Error>) -> SessionHeaders {
    let exchange = sessions.open();
    let session = block_on(exchange.session(cookie)).expect("the store answers");
    handle(&session).expect("the handler's calls work");
    drop(session);
    end(exchange)
}

fn end(exchange: Exchange) -> SessionHeaders {
    exchange.end(200).try_ready().unwrap_or_else(block_on).expect("the store answers")
}

/// Signs somebody in, and returns the cookie that the browser then sends.
///
/// # Panics
///
/// Panics if it does not work.
pub fn sign_in(sessions: &Sessions, handler: Handler) -> Vec<u8> {
    let set_cookie = visit(sessions, None, Some(handler)).take_set_cookie().expect("a new session has a cookie");
    set_cookie.split(';').next().unwrap_or_default().as_bytes().to_vec()
}

/// Begins a session of three small keys.
///
/// # Errors
///
/// Returns the session's errors.
pub fn login(session: &Session) -> Result<(), Error> {
    session.set("user", "ann")?;
    session.set("n", &1)?;
    session.set("theme", "dark")
}

/// Reads two of them.
///
/// # Errors
///
/// Returns the session's errors.
///
/// # Panics
///
/// Panics if there is no session.
pub fn read(session: &Session) -> Result<(), Error> {
    let user: Option<String> = session.get("user")?;
    assert!(user.is_some(), "the session is there");
    let n: Option<i64> = session.get("n")?;
    black_box((user, n));
    Ok(())
}

/// Adds to one of them.
///
/// # Errors
///
/// Returns the session's errors.
///
/// # Panics
///
/// Panics if there is no session.
pub fn write(session: &Session) -> Result<(), Error> {
    assert!(session.increment("n", 1)? > 1, "the session is there");
    Ok(())
}

/// Ends the session.
///
/// # Errors
///
/// Returns no error.
///
/// # Panics
///
/// Panics if there is no session.
pub fn logout(session: &Session) -> Result<(), Error> {
    assert!(!session.is_new(), "the session is there");
    session.destroy();
    Ok(())
}
