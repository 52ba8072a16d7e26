//! A small OpenID provider, as strict as a real one about codes and PKCE.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Query, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Form, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use members_axum::oauth::{OAuth, Registration};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

const CLIENT: (&str, &str) = ("members", "correct horse");

type Parameters = HashMap<String, String>;

/// A running provider. Whoever comes is signed in as one and the same user.
#[derive(Clone)]
pub(crate) struct Provider {
    address: SocketAddr,
    pub(crate) shared: Arc<Shared>,
}

#[derive(Default)]
pub(crate) struct Shared {
    /// The id and the name of the user.
    user: Mutex<(String, String)>,
    /// When the user last entered a password here, in seconds since 1970.
    pub(crate) password_at: AtomicU64,
    /// Whether id tokens lack that time.
    pub(crate) hides_auth_time: AtomicBool,
    /// The codes that were issued and not yet exchanged.
    codes: Mutex<HashMap<String, Grant>>,
    /// The last request for a sign-in.
    asked: Mutex<Parameters>,
    count: AtomicU32,
}

/// What a code stands for.
struct Grant {
    request: Parameters,
    auth_time: u64,
}

impl Provider {
    /// Starts the provider on the current runtime.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Self { address: listener.local_addr().unwrap(), shared: Arc::default() };
        provider.is_used_by("7", "iris");
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/elsewhere", get(elsewhere))
            .with_state(provider.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        provider
    }

    /// Selects the user at the browser, who has just entered a password here.
    pub(crate) fn is_used_by(&self, id: &str, name: &str) {
        *self.shared.user.lock().unwrap() = (id.to_owned(), name.to_owned());
        self.shared.password_at.store(now(), Ordering::Relaxed);
    }

    /// Returns the provider as the application, reached at `origin`, knows it.
    pub(crate) fn as_oauth(&self, origin: &str) -> OAuth {
        let registration = Registration {
            issuer: self.url(""),
            client_id: CLIENT.0.to_owned(),
            client_secret: CLIENT.1.to_owned(),
            redirect_uri: format!("{origin}/oauth/callback"),
        };
        OAuth::new(registration).unwrap()
    }

    /// Returns the URL of a path of the provider.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the last request for a sign-in.
    pub(crate) fn asked(&self) -> MutexGuard<'_, Parameters> {
        self.shared.asked.lock().unwrap()
    }

    /// Issues a code for a request, and returns the address to come back to.
    ///
    /// If the request asks for the password, the user has entered it now.
    pub(crate) fn approve(&self, request: &Parameters) -> String {
        let is = |name: &str, value: &str| request.get(name).is_some_and(|given| given == value);
        if is("prompt", "login") || is("max_age", "0") {
            self.shared.password_at.store(now(), Ordering::Relaxed);
        }
        let code = format!("code-{}", self.shared.count.fetch_add(1, Ordering::Relaxed));
        let auth_time = self.shared.password_at.load(Ordering::Relaxed);
        let grant = Grant { request: request.clone(), auth_time };
        self.shared.codes.lock().unwrap().insert(code.clone(), grant);
        format!("{}?code={code}&state={}", request["redirect_uri"], request["state"])
    }

    fn id_token(&self, auth_time: u64) -> String {
        let mut claims = json!({
            "iss": self.url(""),
            "sub": self.shared.user.lock().unwrap().0,
            "aud": CLIENT.0,
            "exp": now() + 300,
            "iat": now(),
        });
        if !self.shared.hides_auth_time.load(Ordering::Relaxed) {
            claims["auth_time"] = auth_time.into();
        }
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encoded("{\"alg\":\"RS256\"}"), encoded(&claims.to_string()), encoded("signature"))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn configuration(State(provider): State<Provider>) -> String {
    let endpoints = json!({
        "issuer": provider.url(""),
        "authorization_endpoint": provider.url("/authorize"),
        "token_endpoint": provider.url("/token"),
        "userinfo_endpoint": provider.url("/userinfo"),
    });
    endpoints.to_string()
}

async fn authorize(State(provider): State<Provider>, Query(request): Query<Parameters>) -> Html<String> {
    let back = provider.approve(&request).replace('&', "&amp;");
    *provider.asked() = request;
    Html(format!("<a id=\"allow\" href=\"{back}\">Allow</a>"))
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<Parameters>,
) -> Result<String, StatusCode> {
    let expected = format!("Basic {}", STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1.replace(' ', "+"))));
    if headers.get(AUTHORIZATION).is_none_or(|value| *value != expected) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let grant = provider.shared.codes.lock().unwrap().remove(&form["code"]).ok_or(StatusCode::BAD_REQUEST)?;
    let Grant { request, auth_time } = grant;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    let is_right = request["code_challenge_method"] == "S256"
        && request["code_challenge"] == challenge
        && request["redirect_uri"] == form["redirect_uri"]
        && request["client_id"] == CLIENT.0
        && form["grant_type"] == "authorization_code";
    if !is_right {
        return Err(StatusCode::BAD_REQUEST);
    }
    let id_token = provider.id_token(auth_time);
    Ok(json!({ "access_token": "opaque", "token_type": "Bearer", "id_token": id_token }).to_string())
}

async fn userinfo(State(provider): State<Provider>, headers: HeaderMap) -> Result<String, StatusCode> {
    if headers.get(AUTHORIZATION).is_none_or(|value| *value != "Bearer opaque") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let (id, name) = provider.shared.user.lock().unwrap().clone();
    Ok(json!({ "sub": id, "preferred_username": name }).to_string())
}

/// A page of another site, with a button that posts to an address of its choice.
async fn elsewhere(Query(query): Query<Parameters>) -> Html<String> {
    Html(format!("<form method=\"post\" action=\"{}\"><button>Win a prize</button></form>", query["action"]))
}
