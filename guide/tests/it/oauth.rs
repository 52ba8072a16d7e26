//! The program of the page on signing in with another site.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::support::Browser;

include!("../../programs/oauth.rs");

/// A provider whose visitors are all called ann. It keeps the challenge of each code.
#[derive(Debug, Default)]
struct Fake(Mutex<HashMap<String, String>>);

#[async_trait::async_trait]
impl Provider for Fake {
    fn login_url(&self, state: &str, challenge: &str) -> String {
        format!("https://login.example/?state={state}&code_challenge={challenge}&code_challenge_method=S256")
    }

    async fn subject(&self, code: &str, verifier: &str) -> Option<String> {
        let challenge = self.0.lock().unwrap().remove(code)?;
        let is_right = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge;
        is_right.then(|| "ann".to_owned())
    }
}

impl Fake {
    /// Signs the visitor in who was sent to `url`, and returns what it sends back.
    fn sign_in(&self, url: &str) -> Callback {
        let (_, query) = url.split_once('?').unwrap();
        let mut query: HashMap<String, String> = serde_urlencoded::from_str(query).unwrap();
        let code = format!("code-{}", self.0.lock().unwrap().len());
        self.0.lock().unwrap().insert(code.clone(), query.remove("code_challenge").unwrap());
        Callback { state: query.remove("state").unwrap(), code: Some(code), error: None }
    }
}

fn program() -> (Router, Arc<Fake>) {
    let provider = Arc::new(Fake::default());
    let sessions = Sessions::builder().login_page("/login").build().unwrap();
    (app(sessions, Arc::clone(&provider) as Arc<dyn Provider>), provider)
}

fn path(callback: &Callback) -> String {
    format!("/callback?{}", serde_urlencoded::to_string(callback).unwrap())
}

#[tokio::test]
async fn a_visitor_comes_back_signed_in() {
    let (app, provider) = program();
    let mut browser = Browser::default();
    let denied = browser.get(&app, "/account").await;
    assert!(browser.get(&app, &denied.location).await.body.contains("<form method=\"post\">"));
    assert_eq!(browser.cookie(), "", "a GET begins no sign-in");
    let sent = browser.post(&app, &denied.location, "").await;
    let (before, callback) = (browser.clone(), provider.sign_in(&sent.location));
    assert_eq!(browser.get(&app, &path(&callback)).await.location, "/account");
    assert_eq!(browser.get(&app, "/account").await.body, "signed in as ann");
    // The login has replaced the token, and the code works once.
    assert_ne!(before.cookie(), browser.cookie());
    assert_eq!(browser.get(&app, &path(&callback)).await.status, 400);
}

#[tokio::test]
async fn an_answer_by_form_is_redirected() {
    let (app, provider) = program();
    let mut browser = Browser::default();
    let sent = browser.post(&app, "/login?next=/account", "").await;
    let form = serde_urlencoded::to_string(provider.sign_in(&sent.location)).unwrap();
    // The browser leaves out the cookie.
    let redirected = Browser::default().post(&app, "/callback", &form).await;
    assert_eq!(redirected.status, 303);
    assert_eq!(browser.get(&app, &redirected.location).await.location, "/account");
    assert_eq!(browser.get(&app, "/account").await.body, "signed in as ann");
}

#[tokio::test]
async fn answers_meant_for_others_sign_nobody_in() {
    let (app, provider) = program();
    let [mut ann, mut mallory] = [Browser::default(), Browser::default()];
    let sent = mallory.post(&app, "/login", "").await;
    let planted = provider.sign_in(&sent.location);
    // Mallory sends her own answer to Ann, who has begun nothing, and then to one who has.
    assert_eq!(ann.get(&app, &path(&planted)).await.status, 400);
    let sent = ann.post(&app, "/login", "").await;
    assert_eq!(ann.get(&app, &path(&planted)).await.status, 400);
    assert_eq!(ann.get(&app, "/account").await.status, 303);
    // The code of another sign-in does not fit the verifier.
    let sent = ann.post(&app, &sent.location.replace("https://login.example/", "/login"), "").await;
    let own = provider.sign_in(&sent.location);
    let mixed = Callback { code: planted.code, ..own };
    assert_eq!(ann.get(&app, &path(&mixed)).await.status, 502);
}

#[tokio::test]
async fn a_visitor_who_refuses_is_told_so() {
    for (error, status) in [("access_denied", 403), ("server_error", 502)] {
        let (app, provider) = program();
        let mut browser = Browser::default();
        let sent = browser.post(&app, "/login", "").await;
        let state = provider.sign_in(&sent.location).state;
        let refusal = Callback { state, code: None, error: Some(error.to_owned()) };
        // By a form, which is redirected, and the sign-in has ended then.
        let form = serde_urlencoded::to_string(&refusal).unwrap();
        let redirected = Browser::default().post(&app, "/callback", &form).await;
        assert_eq!(browser.get(&app, &redirected.location).await.status, status, "{error}");
        assert_eq!(browser.get(&app, &path(&refusal)).await.status, 400);
        assert_eq!(browser.get(&app, "/account").await.status, 303);
    }
}
