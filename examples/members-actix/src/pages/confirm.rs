//! Proving again who one is, before something that needs more than a session.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Html, Query, Redirect};
use actix_web::{Either, Responder};
use serde::Deserialize;

use crate::app::AppState;
use crate::error::Error;
use crate::html::{Text, page, problem};
use crate::member::Member;
use crate::pages::go;
use crate::pages::login::Next;
use crate::sign_in::destination;

#[derive(Deserialize)]
pub(crate) struct Proof {
    password: String,
    next: Option<String>,
}

pub(crate) async fn show(member: Member, query: Query<Next>) -> Result<Html, Error> {
    form(&member, destination(query.next.as_deref()), "")
}

pub(crate) async fn submit(
    state: Data<AppState>,
    member: Member,
    Form(form): Form<Proof>,
) -> Result<Either<Redirect, impl Responder>, Error> {
    let next = destination(form.next.as_deref());
    if !state.passwords.verify(form.password, Some(member.user.password_hash.clone())).await? {
        let page = self::form(&member, next, &problem("Wrong password."))?;
        return Ok(Either::Right(page.customize().with_status(StatusCode::UNAUTHORIZED)));
    }
    member.confirm()?;
    Ok(Either::Left(go(next)))
}

fn form(member: &Member, next: &str, problem: &str) -> Result<Html, Error> {
    let body = format!(
        "{problem}<p>Confirm that it is you, {}.</p>\
         <form method=\"post\" action=\"/confirm\"><input type=\"hidden\" name=\"next\" value=\"{}\">\
         <label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Confirm</button></form>",
        Text(&member.user.name),
        Text(next)
    );
    Ok(page("Confirm", member, &body)?)
}
