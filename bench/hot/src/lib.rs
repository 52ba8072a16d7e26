//! Requests to sessions-core alone, without a framework.

use std::hint::black_box;

use pollster::block_on;
use sessions_core::adapter::{Exchange, SessionHeaders};
use sessions_core::{Error, Session, Sessions};

/// A handler: what a request does with its session.
pub type Handler = fn(&Session) -> Result<(), Error>;

/// Handles one request as an adapter does. Without a handler, the session is not loaded.
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

/// Handles one request with a handler that captures variables.
///
/// # Panics
///
/// Panics if anything fails.
pub fn ask(
    sessions: &Sessions,
    cookie: Option<&[u8]>,
    handle: impl FnOnce(&Session) -> Result<(), Error>,
) -> SessionHeaders {
    let exchange = sessions.open();
    let session = block_on(exchange.session(cookie)).expect("the store answers");
    handle(&session).expect("the handler's calls work");
    drop(session);
    end(exchange)
}

fn end(exchange: Exchange) -> SessionHeaders {
    exchange.end(200).try_ready().unwrap_or_else(block_on).expect("the store answers")
}

/// Signs in, and returns the cookie that the browser then sends.
///
/// # Panics
///
/// Panics if the login fails.
pub fn sign_in(sessions: &Sessions, handler: Handler) -> Vec<u8> {
    let set_cookie = visit(sessions, None, Some(handler)).take_set_cookie().expect("a new session has a cookie");
    set_cookie.split(';').next().unwrap_or_default().as_bytes().to_vec()
}

/// Fills a session with three small keys.
///
/// # Errors
///
/// Returns the session's errors.
pub fn login(session: &Session) -> Result<(), Error> {
    session.set("user", "ann")?;
    session.set("n", &1)?;
    session.set("theme", "dark")
}

/// Reads two of the keys.
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
    assert!(user.is_some(), "the session exists");
    let n: Option<i64> = session.get("n")?;
    black_box((user, n));
    Ok(())
}

/// Adds to one of the keys.
///
/// # Errors
///
/// Returns the session's errors.
///
/// # Panics
///
/// Panics if there is no session.
pub fn write(session: &Session) -> Result<(), Error> {
    assert!(session.increment("n", 1)? > 1, "the session exists");
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
    assert!(!session.is_new(), "the session exists");
    session.destroy();
    Ok(())
}
