//! Becoming a member.

use axum::Form;
use axum::extract::State;
use axum::response::{Html, Redirect};
use serde::Deserialize;
use sessions_axum::Session;

use crate::app::App;
use crate::error::Error;
use crate::flash;
use crate::html::page;
use crate::pages::password::check;
use crate::sign_in::{Client, Proof, Stay, sign_in};
use crate::users::UserName;

#[derive(Deserialize)]
pub(crate) struct SignUp {
    name: String,
    password: String,
}

pub(crate) async fn show(session: Session) -> Result<Html<String>, Error> {
    let form = "<form method=\"post\"><label>Name <input name=\"name\" autocomplete=\"username\" required></label>\
         <label>Password <input name=\"password\" type=\"password\" autocomplete=\"new-password\" minlength=\"8\" required></label>\
         <button>Sign up</button></form>";
    Ok(page("Sign up", &session, form)?)
}

pub(crate) async fn submit(
    State(app): State<App>,
    session: Session,
    Client(device): Client,
    Form(form): Form<SignUp>,
) -> Result<Redirect, Error> {
    let Some(name) = UserName::new(&form.name) else {
        return refuse(&session, "A name has 2 to 32 letters, digits, hyphens or underscores.");
    };
    if let Err(problem) = check(&form.password) {
        return refuse(&session, problem);
    }
    let hash = app.passwords.hash(form.password).await?;
    // The database decides whether the name is free: two may ask for it at once.
    let Some(user) = app.users.create(&name, &hash).await? else {
        return refuse(&session, "This name is taken. Choose another one.");
    };
    sign_in(&session, user, &device, Stay::Short, Proof::Fresh)?;
    flash::notice(&session, "Welcome! You are a member now.")?;
    Ok(Redirect::to("/account"))
}

fn refuse(session: &Session, problem: &'static str) -> Result<Redirect, Error> {
    flash::problem(session, problem)?;
    Ok(Redirect::to("/sign-up"))
}
