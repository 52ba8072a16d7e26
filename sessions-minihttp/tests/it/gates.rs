//! Services for signed-in visitors.

use std::time::Duration;

use sessions_minihttp::{BoxError, Request, Response, SessionService, Sessions, SignedInService};

use crate::support::{Client, get, serve};

fn account(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    response.body_vec(request.session()?.principal().unwrap_or_default().into_bytes());
    Ok(())
}

fn site(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    match request.path() {
        "/login" => request.session()?.login("ann")?,
        "/pay" => request.signed_in()?.within(Duration::ZERO)?,
        "/fresh" => return SignedInService::new(account).within(Duration::ZERO).call(request, response),
        _ => return SignedInService::new(account).call(request, response),
    }
    Ok(())
}

fn sessions() -> Sessions {
    Sessions::builder().secure(false).login_page("/login").confirm_page("/confirm").build().unwrap()
}

/// Asks for a page as a browser does.
fn page(path: &str, cookie: &str) -> String {
    get(path, cookie).replacen("\r\n", "\r\nSec-Fetch-Mode: navigate\r\n", 1)
}

#[test]
fn stranger_is_sent_to_the_login_page() {
    let mut client = Client::new(serve(sessions(), site));
    for (path, location) in [
        ("/orders?page=2", "/login?next=/orders%3Fpage%3D2"),
        ("/fresh", "/login?next=/fresh"),
        ("/pay", "/login?next=/pay"),
    ] {
        let denied = client.ask(&page(path, ""));
        assert!(denied.head.starts_with("HTTP/1.1 303 See Other\r\n"), "{denied:?}");
        assert_eq!((denied.one("location"), denied.one("cache-control")), (Some(location), Some("no-store")), "{path}");
        assert_eq!((denied.one("vary"), denied.body.as_str()), (Some("Cookie"), ""), "{path}");
        let denied = client.get(path, "");
        assert_eq!((denied.status, denied.one("location")), (401, None), "{path}");
    }
    let htmx = get("/orders", "").replacen("\r\n", "\r\nHX-Request: true\r\n", 1);
    assert_eq!(client.ask(&htmx).one("hx-redirect"), Some("/login"));
}

#[test]
fn signed_in_visitor_is_admitted() {
    let mut client = Client::new(serve(sessions(), site));
    let cookie = client.get("/login", "").cookie().to_owned();
    assert_eq!(client.get("/orders", &cookie).body, "ann");
    for path in ["/fresh", "/pay"] {
        let denied = client.ask(&page(path, &cookie));
        let location = format!("/confirm?next={path}");
        assert_eq!((denied.status, denied.one("location")), (303, Some(&*location)), "{path}");
    }
}
