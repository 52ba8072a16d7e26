//! A page for members only.

use axum::response::Html;

use crate::error::Error;
use crate::html::{Text, page};
use crate::member::Member;

pub(crate) async fn show(member: Member) -> Result<Html<String>, Error> {
    let link = if member.user.password_hash.is_some() { "Change your password" } else { "Choose a password" };
    let body = format!(
        "<p>Hello, <b id=\"name\">{}</b>.</p><p><a href=\"/account/password\">{link}</a></p>\
         <p><a href=\"/devices\">See where you are signed in</a></p>",
        Text(&member.user.name)
    );
    Ok(page("Your account", &member, &body)?)
}
