//! Changing the password, for those who proved a short time ago who they are.

use std::time::Duration;

use axum::Form;
use axum::extract::State;
use axum::response::{Html, Redirect};
use serde::Deserialize;

use crate::app::App;
use crate::error::Error;
use crate::flash;
use crate::html::page;
use crate::member::Member;
use crate::sign_in::confirm;

/// How long ago a member may have signed in to change the password.
const FRESH: Duration = Duration::from_secs(10 * 60);

#[derive(Deserialize)]
pub(crate) struct NewPassword {
    password: String,
}

pub(crate) async fn show(member: Member) -> Result<Html<String>, Error> {
    member.within(FRESH)?;
    let form = "<p>This signs you out everywhere else.</p><form method=\"post\"><label>New password \
         <input name=\"password\" type=\"password\" autocomplete=\"new-password\" minlength=\"8\" required></label>\
         <button>Change the password</button></form>";
    Ok(page("Change your password", &member, form)?)
}

pub(crate) async fn submit(
    State(app): State<App>,
    member: Member,
    Form(form): Form<NewPassword>,
) -> Result<Redirect, Error> {
    member.within(FRESH)?;
    if let Err(problem) = check(&form.password) {
        flash::problem(&member, problem)?;
        return Ok(Redirect::to("/account/password"));
    }
    let hash = app.passwords.hash(form.password).await?;
    app.users.set_password(member.user.id, &hash).await?;
    // Whoever knew the old password may have signed in with it.
    let ended = member.destroy_others().await?;
    confirm(&member)?;
    flash::notice(&member, format!("Your password is changed. Other sessions ended: {ended}."))?;
    Ok(Redirect::to("/account"))
}

/// Checks a password that somebody chooses.
pub(crate) fn check(password: &str) -> Result<(), &'static str> {
    match password.chars().count() {
        0..8 => Err("A password has at least 8 characters."),
        8..=256 => Ok(()),
        _ => Err("A password has at most 256 characters."),
    }
}
