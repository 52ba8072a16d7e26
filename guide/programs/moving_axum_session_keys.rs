use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::header::USER_AGENT;
use axum_session::Key;
use cookie::{Cookie, CookieJar};

/// Returns what axum_session signs with the id by default: the address, if known, and the agent.
fn client(request: &Request) -> String {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map(|address| address.ip().to_string()).unwrap_or_default();
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    format!("{address};;;;{agent}")
}

/// Checks the signature of a cookie and returns the id.
///
/// After `with_ip_and_user_agent(false)`, `client` is empty.
fn verified_id(value: &str, client: &str, key: &Key) -> Option<String> {
    let mut jar = CookieJar::new();
    jar.add_original(Cookie::new("session", format!("{value}{client}")));
    jar.signed(key).get("session")?.value().strip_suffix(client).map(str::to_owned)
}

/// Decrypts a row that was encrypted with the key of `with_database_key`.
fn decrypted(id: &str, row: &str, key: &Key) -> Option<String> {
    let cookie = Cookie::new(id.to_owned(), row.to_owned());
    Some(CookieJar::new().private(key).decrypt(cookie)?.value().to_owned())
}

/// Encrypts a row, to store it with its new end.
fn encrypted(id: &str, row: &str, key: &Key) -> Option<String> {
    let mut jar = CookieJar::new();
    jar.private_mut(key).add(Cookie::new(id.to_owned(), row.to_owned()));
    Some(jar.get(id)?.value().to_owned())
}
