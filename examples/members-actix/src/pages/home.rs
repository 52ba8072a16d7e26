//! The front page, for everybody.

use actix_web::Responder;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Html;
use sessions_actix::Session;

use crate::error::Error;
use crate::html::page;

pub(crate) async fn show(session: Session) -> Result<Html, Error> {
    let body = if session.principal().is_some() {
        "<p>You are signed in. See your <a href=\"/account\">account</a> and your <a href=\"/devices\">devices</a>.</p>"
    } else {
        "<p><a href=\"/sign-up\">Sign up</a>, or <a href=\"/login\">sign in</a> if you are a member.</p>"
    };
    Ok(page("Welcome", &session, body)?)
}

pub(crate) async fn style() -> impl Responder {
    include_str!("../style.css").customize().insert_header((CONTENT_TYPE, "text/css"))
}
