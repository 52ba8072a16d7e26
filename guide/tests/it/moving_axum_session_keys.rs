//! Cookies and rows of axum_session with keys.

use axum::Router;
use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::routing::get;
use axum_session::{SessionConfig, SessionLayer, SessionStore};
use tower::ServiceExt as _;

use crate::moving_axum_session::Memory;

include!("../../programs/moving_axum_session_keys.rs");

type Session = axum_session::Session<Memory>;

fn request(agent: &'static str) -> Request {
    let address: SocketAddr = "192.0.2.7:1000".parse().unwrap();
    let request = Request::get("/").header(USER_AGENT, agent).extension(ConnectInfo(address));
    request.body(Body::empty()).unwrap()
}

/// Begins a session of axum_session, and returns the cookie's value, the id and the stored row.
async fn begin(config: SessionConfig) -> (String, String, String) {
    let pool = Memory::default();
    let store = SessionStore::new(Some(pool.clone()), config).await.unwrap();
    let app = Router::new().route("/", get(async |session: Session| session.set("user", "ann")));
    let response = app.layer(SessionLayer::new(store)).oneshot(request("Firefox")).await.unwrap();
    let mut cookies = response.headers().get_all(SET_COOKIE).iter().map(|header| header.to_str().unwrap());
    let cookie = cookies.find(|cookie| cookie.starts_with("session=")).unwrap();
    let value = Cookie::parse_encoded(cookie).unwrap().value().to_owned();
    let (id, row) = pool.only_row();
    (value, id, row)
}

#[tokio::test]
async fn only_a_signed_cookie_of_the_client_opens() {
    let key = Key::generate();
    let (value, id, _) = begin(SessionConfig::default().with_key(key.clone())).await;
    let [firefox, curl] = ["Firefox", "curl"].map(|agent| client(&request(agent)));
    assert_eq!(verified_id(&value, &firefox, &key).as_deref(), Some(&*id));
    assert_eq!(verified_id(&value, &curl, &key), None);
    assert_eq!(verified_id(&value, &firefox, &Key::generate()), None);
    assert_eq!(verified_id(&id, &firefox, &key), None);
}

#[tokio::test]
async fn a_cookie_that_is_not_bound_to_a_client_opens() {
    let key = Key::generate();
    let (value, id, _) = begin(SessionConfig::default().with_key(key.clone()).with_ip_and_user_agent(false)).await;
    assert_eq!(verified_id(&value, "", &key).as_deref(), Some(&*id));
    assert_eq!(verified_id(&value, "192.0.2.7;;;;Firefox", &key), None);
}

#[tokio::test]
async fn an_encrypted_row_opens_with_its_id_and_key() {
    let key = Key::generate();
    let (_, id, row) = begin(SessionConfig::default().with_database_key(key.clone())).await;
    assert!(!row.contains("ann"));
    let plain = decrypted(&id, &row, &key).unwrap();
    assert!(plain.contains("ann"));
    let again = encrypted(&id, &plain, &key).unwrap();
    assert_eq!(decrypted(&id, &again, &key).as_ref(), Some(&plain));
    assert_eq!(decrypted(&id, &row, &Key::generate()), None);
    assert_eq!(decrypted("another", &row, &key), None);
}
