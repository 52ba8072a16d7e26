//! Signing in with an account at a provider.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use sessions_axum::{Key, Session};

use crate::app::App;
use crate::error::Error;
use crate::flash;
use crate::html::{Text, page};
use crate::oauth::{Prompt, Seconds, Secrets, Subject};
use crate::pages::login::Next;
use crate::sign_in::{Client, Proof, Stay, confirm, destination, sign_in};
use crate::users::{Identity, UserName};

/// A sign-in that is under way at the provider.
#[derive(Deserialize, Serialize)]
struct Pending {
    secrets: Secrets,
    start: Seconds,
    next: String,
}

const PENDING: Key<Pending> = Key::new("oauth");

/// What the provider adds to the address of our page: a code, or the reason why there is none.
#[derive(Deserialize)]
pub(crate) struct Answer {
    state: Option<String>,
    code: Option<String>,
}

/// Returns a form that begins a sign-in, or nothing without a provider.
pub(crate) fn button(app: &App, next: &str) -> String {
    match app.oauth {
        Some(_) => format!(
            "<form method=\"post\" action=\"/oauth\"><input type=\"hidden\" name=\"next\" value=\"{}\">\
             <button>Sign in with another site</button></form>",
            Text(next)
        ),
        None => String::new(),
    }
}

/// Sends the visitor to the provider, and keeps what the answer must fit to.
pub(crate) async fn begin(State(app): State<App>, session: Session, Form(form): Form<Next>) -> Result<Response, Error> {
    let Some(oauth) = &app.oauth else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    // Whoever is signed in here already comes to confirm it.
    let prompt = if session.principal().is_some() { Prompt::Password } else { Prompt::IfNeeded };
    let secrets = Secrets::random()?;
    let url = oauth.authorization_url(&secrets, prompt).await?;
    let next = destination(form.next.as_deref()).to_owned();
    PENDING.set(&session, &Pending { secrets, start: Seconds::now(), next })?;
    Ok(Redirect::to(url.as_str()).into_response())
}

/// Signs the visitor in with whom the provider names.
pub(crate) async fn finish(
    State(app): State<App>,
    session: Session,
    Client(device): Client,
    Query(answer): Query<Answer>,
) -> Result<Response, Error> {
    let Some(oauth) = &app.oauth else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    // Of several answers with one state, only the first finds it: a replay fails.
    let pending = PENDING.take(&session).await?;
    let Some(pending) = pending.filter(|pending| pending.secrets.fits(answer.state.as_deref())) else {
        return refuse(&session, "This sign-in was not begun here, or it was used already.");
    };
    let Some(code) = answer.code else {
        return refuse(&session, "The other site did not sign you in.");
    };
    let Subject { id, name, is_present } = oauth.subject(&code, &pending.secrets, pending.start).await?;
    let name = name.as_deref().and_then(UserName::new).unwrap_or_else(UserName::member);
    let identity = Identity { issuer: oauth.issuer(), subject: &id };
    let user = app.users.find_or_create_by_identity(&identity, &name).await?;
    let proof = if is_present { Proof::Fresh } else { Proof::Stale };
    if session.principal() != Some(user.to_string()) {
        sign_in(&session, user, &device, Stay::Short, proof)?;
    } else if proof == Proof::Fresh {
        // A login would end "keep me signed in".
        confirm(&session)?;
    } else {
        flash::problem(&session, "The other site did not ask for your password, so nothing is confirmed.")?;
    }
    Ok(Redirect::to(&pending.next).into_response())
}

fn refuse(session: &Session, reason: &str) -> Result<Response, Error> {
    let body = format!("<p>{}</p><p><a href=\"/login\">Begin again</a></p>", Text(reason));
    Ok((StatusCode::BAD_REQUEST, page("Not signed in", session, &body)?).into_response())
}
