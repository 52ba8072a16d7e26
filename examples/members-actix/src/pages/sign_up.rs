//! Becoming a member.

use actix_web::HttpRequest;
use actix_web::web::{Data, Form, Html, Redirect};
use serde::Deserialize;
use sessions_actix::{Session, device};

use crate::app::AppState;
use crate::error::Error;
use crate::flash;
use crate::html::page;
use crate::pages::go;
use crate::pages::password::check;
use crate::sign_in::{Stay, sign_in};
use crate::users::UserName;

#[derive(Deserialize)]
pub(crate) struct SignUp {
    name: String,
    password: String,
}

pub(crate) async fn show(session: Session) -> Result<Html, Error> {
    let form = "<form method=\"post\"><label>Name <input name=\"name\" autocomplete=\"username\" required></label>\
         <label>Password <input name=\"password\" type=\"password\" autocomplete=\"new-password\" minlength=\"8\" required></label>\
         <button>Sign up</button></form>";
    Ok(page("Sign up", &session, form)?)
}

pub(crate) async fn submit(
    state: Data<AppState>,
    request: HttpRequest,
    session: Session,
    Form(form): Form<SignUp>,
) -> Result<Redirect, Error> {
    let Some(name) = UserName::new(&form.name) else {
        return refuse(&session, "A name has 2 to 32 letters, digits, hyphens or underscores.");
    };
    if let Err(problem) = check(&form.password) {
        return refuse(&session, problem);
    }
    let hash = state.passwords.hash(form.password).await?;
    // Redis decides whether the name is free: two may ask for it at once.
    let Some(user) = state.users.create(&name, &hash).await? else {
        return refuse(&session, "This name is taken. Choose another one.");
    };
    sign_in(&session, &user, &device(&request, &state.proxies), Stay::Short)?;
    flash::notice(&session, "Welcome! You are a member now.")?;
    Ok(go("/account"))
}

fn refuse(session: &Session, problem: &'static str) -> Result<Redirect, Error> {
    flash::problem(session, problem)?;
    Ok(go("/sign-up"))
}
