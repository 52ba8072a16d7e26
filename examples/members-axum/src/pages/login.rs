//! Signing in with a password, and signing out.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use sessions_axum::Session;

use crate::app::App;
use crate::error::Error;
use crate::flash;
use crate::html::{Text, page, problem};
use crate::pages::oauth;
use crate::sign_in::{Client, Proof, Stay, destination, sign_in};
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

pub(crate) async fn show(
    State(app): State<App>,
    session: Session,
    Query(query): Query<Next>,
) -> Result<Html<String>, Error> {
    form(&app, &session, destination(query.next.as_deref()), "")
}

pub(crate) async fn submit(
    State(app): State<App>,
    session: Session,
    Client(device): Client,
    Form(form): Form<Credentials>,
) -> Result<Response, Error> {
    let next = destination(form.next.as_deref());
    let user = match UserName::new(&form.name) {
        Some(name) => app.users.find_by_name(&name).await?,
        None => None,
    };
    // Also verified when there is no such user, which takes the same time.
    let hash = user.as_ref().and_then(|user| user.password_hash.clone());
    let is_right = app.passwords.verify(form.password, hash).await?;
    let Some(user) = user.filter(|_| is_right) else { return refuse(&app, &session, next) };
    sign_in(&session, user.id, &device, Stay::of_checkbox(form.remember.as_ref()), Proof::Fresh)?;
    // Changing the password ends only sessions that are already stored. So store this one first,
    // then end it if the password has changed since it was checked.
    session.save().await?;
    let current = app.users.find(user.id).await?;
    if current.is_none_or(|current| current.password_hash != user.password_hash) {
        session.destroy();
        return refuse(&app, &session, next);
    }
    Ok(Redirect::to(next).into_response())
}

/// Shows the form again. Does not reveal whether the user exists.
fn refuse(app: &App, session: &Session, next: &str) -> Result<Response, Error> {
    // A flash would store a session for each try.
    let page = form(app, session, next, &problem("Wrong name or password."))?;
    Ok((StatusCode::UNAUTHORIZED, page).into_response())
}

/// Ends the session. The message is the first entry of a new one.
pub(crate) async fn end(session: Session) -> Result<Redirect, Error> {
    session.destroy();
    flash::notice(&session, "You are signed out.")?;
    Ok(Redirect::to("/"))
}

fn form(app: &App, session: &Session, next: &str, problem: &str) -> Result<Html<String>, Error> {
    let body = format!(
        "{problem}<form method=\"post\" action=\"/login\"><input type=\"hidden\" name=\"next\" value=\"{}\">\
         <label>Name <input name=\"name\" autocomplete=\"username\" required></label>\
         <label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
         <label><input name=\"remember\" type=\"checkbox\"> Keep me signed in for 30 days</label>\
         <button>Sign in</button></form>{}",
        Text(next),
        oauth::button(app, next),
    );
    Ok(page("Sign in", session, &body)?)
}
