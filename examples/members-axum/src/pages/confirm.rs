//! Proving again who one is, before something that needs more than a session.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::app::App;
use crate::error::Error;
use crate::html::{Text, page, problem};
use crate::member::Member;
use crate::pages::login::Next;
use crate::pages::oauth;
use crate::sign_in::{confirm, destination};

#[derive(Deserialize)]
pub(crate) struct Proof {
    password: String,
    next: Option<String>,
}

pub(crate) async fn show(
    State(app): State<App>,
    member: Member,
    Query(query): Query<Next>,
) -> Result<Html<String>, Error> {
    form(&app, &member, destination(query.next.as_deref()), "")
}

pub(crate) async fn submit(State(app): State<App>, member: Member, Form(form): Form<Proof>) -> Result<Response, Error> {
    let next = destination(form.next.as_deref());
    if !app.passwords.verify(form.password, member.user.password_hash.clone()).await? {
        let page = self::form(&app, &member, next, &problem("Wrong password."))?;
        return Ok((StatusCode::UNAUTHORIZED, page).into_response());
    }
    confirm(&member)?;
    Ok(Redirect::to(next).into_response())
}

/// Returns the page. A member without a password confirms at the provider.
fn form(app: &App, member: &Member, next: &str, problem: &str) -> Result<Html<String>, Error> {
    let form = if member.user.password_hash.is_some() {
        format!(
            "<form method=\"post\" action=\"/confirm\"><input type=\"hidden\" name=\"next\" value=\"{}\">\
             <label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
             <button>Confirm</button></form>",
            Text(next)
        )
    } else {
        oauth::button(app, next)
    };
    let body = format!("{problem}<p>Confirm that it is you, {}.</p>{form}", Text(&member.user.name));
    Ok(page("Confirm", member, &body)?)
}
