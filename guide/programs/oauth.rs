use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sessions_axum::{Session, SessionError, SessionLayer, Sessions, SignedIn, local_path};
use sha2::{Digest, Sha256};

/// The form has no `action`, so the browser posts it to the same address, with `next`.
const FORM: &str = r#"<form method="post"><button>Sign in with login.example</button></form>"#;

/// A sign-in that has begun. Only this visitor's session has it.
#[derive(Serialize, Deserialize)]
struct Pending {
    state: String,
    /// The secret of PKCE, whose hash the provider gets first.
    verifier: String,
    next: String,
}

#[derive(Deserialize)]
struct Page {
    next: Option<String>,
}

/// What the provider sends back: a code, or why there is none.
#[derive(Serialize, Deserialize)]
struct Callback {
    state: String,
    code: Option<String>,
    error: Option<String>,
}

/// Sends the visitor to the provider.
async fn login(
    State(provider): State<Arc<dyn Provider>>,
    session: Session,
    page: Query<Page>,
) -> Result<Response, SessionError> {
    let next = page.next.as_deref().and_then(local_path).unwrap_or("/").to_owned();
    let (Some(state), Some(verifier)) = (random(), random()) else {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let url = provider.login_url(&state, &challenge);
    session.set("oauth", &Pending { state, verifier, next })?;
    Ok(Redirect::to(&url).into_response())
}

/// Returns 32 random bytes as text.
fn random() -> Option<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// The visitor comes back, with a code or without.
async fn callback(
    State(provider): State<Arc<dyn Provider>>,
    session: Session,
    Query(callback): Query<Callback>,
) -> Result<Response, SessionError> {
    // Only one request gets it.
    let pending: Option<Pending> = session.take("oauth").await?;
    let Some(pending) = pending.filter(|pending| pending.state == callback.state) else {
        return Ok((StatusCode::BAD_REQUEST, "please sign in again").into_response());
    };
    let Some(code) = callback.code else {
        let is_refused = callback.error.as_deref() == Some("access_denied"); // by the visitor
        let (status, text) = if is_refused {
            (StatusCode::FORBIDDEN, "you have not signed in")
        } else {
            (StatusCode::BAD_GATEWAY, "signing in has failed; please try again")
        };
        return Ok((status, text).into_response());
    };
    let Some(subject) = provider.subject(&code, &pending.verifier).await else {
        return Ok(StatusCode::BAD_GATEWAY.into_response());
    };
    session.login(&subject)?;
    Ok(Redirect::to(&pending.next).into_response())
}

/// A provider with `response_mode=form_post` makes the browser post its answer from another site.
/// `SameSite=Lax` keeps our cookie out of that, but not out of the redirect that follows.
async fn callback_by_form(Form(callback): Form<Callback>) -> Result<Redirect, StatusCode> {
    let query = serde_urlencoded::to_string(callback).map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(Redirect::to(&format!("/callback?{query}")))
}

async fn account(user: SignedIn) -> String {
    format!("signed in as {}", user.principal())
}

/// Stands for your OAuth or OpenID Connect library.
#[async_trait::async_trait]
trait Provider: Send + Sync {
    /// Returns the address of the provider's login page, with `code_challenge_method=S256`.
    fn login_url(&self, state: &str, challenge: &str) -> String;

    /// Exchanges the code for the id token, checks it, and returns its subject.
    async fn subject(&self, code: &str, verifier: &str) -> Option<String>;
}

fn app(sessions: Sessions, provider: Arc<dyn Provider>) -> Router {
    Router::new()
        .route("/login", get(|| async { Html(FORM) }).post(login))
        .route("/callback", get(callback).post(callback_by_form))
        .route("/account", get(account))
        .layer(SessionLayer::new(sessions))
        .with_state(provider)
}
