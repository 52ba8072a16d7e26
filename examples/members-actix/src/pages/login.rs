//! Signing in with a password, and signing out.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Html, Query, Redirect};
use actix_web::{Either, HttpRequest, Responder};
use serde::Deserialize;
use sessions_actix::{Session, device};

use crate::app::AppState;
use crate::error::Error;
use crate::flash;
use crate::html::{Text, page, problem};
use crate::pages::go;
use crate::sign_in::{Stay, destination, sign_in};
use crate::users::UserName;

/// What a gate adds to the address of the login page.
#[derive(Deserialize)]
pub(crate) struct Next {
    pub(crate) next: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
    password: String,
    remember: Option<String>,
    next: Option<String>,
}

pub(crate) async fn show(session: Session, query: Query<Next>) -> Result<Html, Error> {
    form(&session, destination(query.next.as_deref()), "")
}

pub(crate) async fn submit(
    state: Data<AppState>,
    request: HttpRequest,
    session: Session,
    Form(form): Form<Credentials>,
) -> Result<Either<Redirect, impl Responder>, Error> {
    let next = destination(form.next.as_deref());
    let user = match UserName::new(&form.name) {
        Some(name) => state.users.find(&name.id()).await?,
        None => None,
    };
    // Also verified when there is no such user, which takes the same time.
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let is_right = state.passwords.verify(form.password, hash).await?;
    let Some(user) = user.filter(|_| is_right) else { return Ok(Either::Right(refuse(&session, next)?)) };
    let stay = Stay::of_checkbox(form.remember.as_ref());
    sign_in(&session, &user.id, &device(&request, &state.proxies), stay)?;
    // Changing the password ends only sessions that are already stored. So store this one first,
    // then end it if the password has changed since it was checked.
    session.save().await?;
    let current = state.users.find(&user.id).await?;
    if current.is_none_or(|current| current.password_hash != user.password_hash) {
        session.destroy();
        return Ok(Either::Right(refuse(&session, next)?));
    }
    Ok(Either::Left(go(next)))
}

/// Shows the form again. Does not reveal whether the user exists.
fn refuse(session: &Session, next: &str) -> Result<impl Responder + use<>, Error> {
    // A flash would store a session for each try.
    let page = form(session, next, &problem("Wrong name or password."))?;
    Ok(page.customize().with_status(StatusCode::UNAUTHORIZED))
}

/// Ends the session. The message is the first entry of a new one.
pub(crate) async fn end(session: Session) -> Result<Redirect, Error> {
    session.destroy();
    flash::notice(&session, "You are signed out.")?;
    Ok(go("/"))
}

fn form(session: &Session, next: &str, problem: &str) -> Result<Html, Error> {
    let body = format!(
        "{problem}<form method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"next\" value=\"{}\">\
         <label>Name <input name=\"name\" autocomplete=\"username\" required></label>\
         <label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
         <label><input name=\"remember\" type=\"checkbox\"> Keep me signed in for 30 days</label>\
         <button>Sign in</button></form>",
        Text(next),
    );
    Ok(page("Sign in", session, &body)?)
}
