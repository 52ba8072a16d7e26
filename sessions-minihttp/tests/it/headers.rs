//! Headers that services set, beside those of sessions.

use std::fmt::Write as _;

use sessions_minihttp::{BoxError, Request, Response};

use crate::support::{Client, serve, service, sessions};

fn routes(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    let path = request.path();
    if let Some(count) = path.strip_prefix("/many/") {
        for n in 0..count.parse()? {
            response.header(&format!("X-{n}: {n}"));
        }
    }
    if path == "/cached" {
        response.header("Cache-Control: public, max-age=60").header("vary: Accept-Encoding");
        response.header("Set-Cookie: theme=dark").header("Set-Cookie: id=planted");
    }
    if let Some(target) = path.strip_prefix("/to/") {
        response.status_code(303, "See Other").header(&format!("Location: {}", target.replace("%0D%0A", "\r\n")));
    }
    if path == "/nameless" {
        response.header("no name");
    }
    if path == "/write" {
        write!(response.body_mut(), "written ")?;
        write!(response.body_mut(), "in parts")?;
    }
    request.session()?.login("user-42")?;
    Ok(())
}

#[test]
fn service_may_set_any_number_of_headers() {
    let mut client = Client::new(serve(sessions(), routes));
    for count in [0, 1, 15, 16, 17, 500] {
        let answer = client.get(&format!("/many/{count}"), "");
        assert!(answer.cookie().starts_with("id="));
        for n in 0..count {
            assert_eq!(answer.one(&format!("x-{n}")), Some(n.to_string().as_str()));
        }
    }
}

#[test]
fn session_overrides_its_own_headers() {
    let mut client = Client::new(serve(sessions(), routes));
    let answer = client.get("/cached", "");
    assert_eq!(answer.one("cache-control"), Some("no-store"));
    assert_eq!(answer.one("vary"), Some("Accept-Encoding, Cookie"));
    let cookies = answer.all("set-cookie");
    assert_eq!((cookies.len(), cookies[0]), (2, "theme=dark"));
    assert!(cookies[1].starts_with("id=") && !cookies[1].starts_with("id=planted"));
}

#[test]
fn dynamic_header_cannot_become_two() {
    let mut client = Client::new(serve(sessions(), routes));
    let answer = client.get("/to/home?n=1", "");
    assert_eq!((answer.status, answer.one("location")), (303, Some("home")));
    let answer = client.get("/to/home%0D%0ASet-Cookie:%20id=planted", "");
    assert!(answer.one("location").is_some_and(|value| value.starts_with("home  Set-Cookie:")));
    assert_ne!(answer.cookie(), "id=planted");
}

#[test]
fn nameless_header_fails_only_its_request() {
    let mut client = Client::new(serve(sessions(), routes));
    assert_eq!(client.get("/nameless", "").status, 500);
    assert_eq!(client.get("/write", "").body, "written in parts");
    assert_eq!(client.get("/many/0", "").body, "", "nothing of the answer before is left");
}

#[test]
fn wrapping_service_sees_the_status() {
    let service = service(|request: Request<'_>, response: &mut Response| {
        routes(request, response)?;
        let status = response.status();
        response.body_vec(status.to_string().into_bytes());
        Ok(())
    });
    let mut client = Client::new(serve(sessions(), service));
    for (path, status) in [("/cached", 200), ("/to/x", 303)] {
        let answer = client.get(path, "");
        assert_eq!((answer.status, answer.body), (status, status.to_string()));
    }
}
