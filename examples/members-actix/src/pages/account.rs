//! A page for members only.

use actix_web::web::Html;

use crate::error::Error;
use crate::html::{Text, page};
use crate::member::Member;

pub(crate) async fn show(member: Member) -> Result<Html, Error> {
    let body = format!(
        "<p>Hello, <b id=\"name\">{}</b>.</p><p><a href=\"/account/password\">Change your password</a></p>\
         <p><a href=\"/devices\">See where you are signed in</a></p>",
        Text(&member.user.name)
    );
    Ok(page("Your account", &member, &body)?)
}
