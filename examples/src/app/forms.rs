//! What follows a form of the page.

use sessions_core::{Error, Session, local_path};

use super::{Reply, Request};

/// Ends a POST: a form that names the next page is sent there, so that a reload does not post it
/// again. Other clients get the reply itself.
pub(super) fn end(request: Request<'_>, session: &Session, reply: Reply) -> Result<Reply, Error> {
    let Some(next) = request.parameter("next").filter(|_| reply.status == 200) else { return Ok(reply) };
    if let Some(notice) = notice(request.path) {
        session.set_flash("notice", notice)?;
    }
    Ok(Reply::see_other(local_path(&next).unwrap_or("/")))
}

/// Returns what the next page says about a form that was accepted. A session that was ended has no
/// next page.
fn notice(path: &str) -> Option<&'static str> {
    match path {
        "/login" => Some("You are signed in."),
        "/confirm" => Some("You have confirmed that it is you."),
        "/logout_others" => Some("You are signed out everywhere else."),
        "/logout_device" => Some("The other device is signed out."),
        _ => None,
    }
}
