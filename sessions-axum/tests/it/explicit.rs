//! Sessions that are started and finished by explicit calls, and the process-wide manager.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sessions_axum::sessions_core::Session as CoreSession;
use sessions_axum::{
    DestroyReason, Event, Login, OutagePolicy, RejectReason, Session, SessionError, SessionLayer, Sessions,
    SessionsExt, SignedIn, global,
};

use crate::support::{Browser, manager_and_store};

/// Increments a counter in the session of either form.
fn count(session: &CoreSession) -> Result<String, SessionError> {
    Ok(session.increment("visits", 1)?.to_string())
}

async fn by_hand(State(sessions): State<Sessions>, parts: Parts) -> Result<Response, SessionError> {
    let session = sessions.start(&parts).await?;
    let mut response = count(&session)?.into_response();
    sessions.finish(&session, &mut response).await?;
    Ok(response)
}

async fn by_layer(session: Session) -> Result<String, SessionError> {
    count(&session)
}

async fn destroy(State(sessions): State<Sessions>, request: Request) -> Result<Response, SessionError> {
    let mut response = Response::default();
    sessions.destroy(&request, &mut response).await?;
    Ok(response)
}

#[tokio::test]
async fn layer_and_explicit_calls_share_sessions() {
    let sessions = manager_and_store().0;
    let app: Router = Router::new()
        .route("/layer", get(by_layer))
        .layer(SessionLayer::new(sessions.clone()))
        .route("/hand", get(by_hand))
        .route("/destroy", get(destroy))
        .with_state(sessions);
    let mut browser = Browser::default();
    for (path, visits) in [("/hand", "1"), ("/layer", "2"), ("/hand", "3")] {
        assert_eq!(browser.get(&app, path).await.body, visits, "{path}");
    }
    browser.get(&app, "/destroy").await;
    assert!(!browser.has_cookies());
    assert_eq!(browser.get(&app, "/hand").await.body, "1");
}

#[tokio::test]
async fn layer_does_not_finish_twice() {
    let sessions = manager_and_store().0;
    let app: Router =
        Router::new().route("/", get(by_hand)).layer(SessionLayer::new(sessions.clone())).with_state(sessions);
    let mut browser = Browser::default();
    let answer = browser.get(&app, "/").await;
    assert_eq!((answer.body.as_str(), answer.set_cookies), ("1", 1));
    assert_eq!(browser.get(&app, "/").await.body, "2");
}

#[tokio::test]
async fn every_form_of_session_can_be_finished() {
    async fn by_user(user: SignedIn, State(sessions): State<Sessions>) -> Result<Response, SessionError> {
        let mut response = count(&user)?.into_response();
        sessions.finish(&user, &mut response).await?;
        Ok(response)
    }
    async fn by_core(session: Session) -> Result<Response, SessionError> {
        let session = CoreSession::from(session);
        let mut response = count(&session)?.into_response();
        global::finish(&session, &mut response).await?;
        Ok(response)
    }
    async fn sign_in(session: Session) -> Result<(), SessionError> {
        Ok(session.login("iris")?)
    }
    let sessions = manager_and_store().0;
    let app: Router = Router::new()
        .route("/login", get(sign_in))
        .route("/user", get(by_user))
        .route("/core", get(by_core))
        .layer(SessionLayer::new(sessions.clone()))
        .with_state(sessions);
    let mut browser = Browser::default();
    browser.get(&app, "/login").await;
    for (path, visits) in [("/user", "1"), ("/core", "2"), ("/user", "3")] {
        assert_eq!(browser.get(&app, path).await.body, visits, "{path}");
    }
}

#[tokio::test]
async fn process_has_a_manager() {
    async fn visits(request: Request) -> Result<Response, SessionError> {
        let session = global::start(&request).await?;
        let mut response = count(&session)?.into_response();
        global::finish(&session, &mut response).await?;
        Ok(response)
    }
    let app = Router::new().route("/", get(visits));
    let mut browser = Browser::default();
    assert_eq!(browser.get(&app, "/").await.body, "1");
    assert_eq!(browser.get(&app, "/").await.body, "2");
}

/// Options and listeners take types that are at the crate's root.
#[tokio::test]
async fn listeners_get_reasons() {
    let (rejected, ended) = (Arc::<OnceLock<RejectReason>>::default(), Arc::<OnceLock<DestroyReason>>::default());
    let (of_request, of_session) = (Arc::clone(&rejected), Arc::clone(&ended));
    let builder = Sessions::builder().outage(OutagePolicy::Anonymous).on_event(move |event| {
        if let Event::Rejected { reason, .. } = event {
            of_request.set(*reason).unwrap();
        }
    });
    let sessions = builder.build().unwrap();
    sessions.on_destroy(move |_, reason| of_session.set(reason).unwrap());
    let request = http::Request::get("/").header("cookie", "__Host-id=x").body(()).unwrap();
    assert!(sessions.start(&request).await.unwrap().is_new());
    drop(sessions.issue(Login::new("iris")).await.unwrap());
    sessions.destroy_principal("iris").await.unwrap();
    assert_eq!((rejected.get(), ended.get()), (Some(&RejectReason::Malformed), Some(&DestroyReason::Revoked)));
}
