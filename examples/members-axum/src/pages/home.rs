//! The front page, for everybody.

use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse};
use sessions_axum::Session;

use crate::error::Error;
use crate::html::page;

pub(crate) async fn show(session: Session) -> Result<Html<String>, Error> {
    let body = if session.principal().is_some() {
        "<p>You are signed in. See your <a href=\"/account\">account</a> and your <a href=\"/devices\">devices</a>.</p>"
    } else {
        "<p><a href=\"/sign-up\">Sign up</a>, or <a href=\"/login\">sign in</a> if you are a member.</p>"
    };
    Ok(page("Welcome", &session, body)?)
}

pub(crate) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css")], include_str!("../style.css"))
}
