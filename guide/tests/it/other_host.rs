//! The program of the page on several hosts.

#![expect(dead_code, reason = "the program's `main` is not called")]

use axum::body::Body;
use axum::http::{Request, Response};
use tower::ServiceExt as _;

include!("../../programs/other_host.rs");

async fn send(method: Method, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "api.example.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app(sessions().unwrap()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn scripts_of_the_pages_may_use_the_session() {
    let from_pages = [("origin", PAGES), ("sec-fetch-site", "same-site")];
    let preflight = [("origin", PAGES), ("access-control-request-method", "POST")];
    let preflight = send(Method::OPTIONS, "/sign-in", &preflight).await;
    assert_eq!(preflight.headers()["access-control-allow-credentials"], "true");
    assert!(preflight.headers().get("set-cookie").is_none());

    let signed_in = send(Method::POST, "/sign-in", &from_pages).await;
    assert_eq!(signed_in.status(), 200);
    assert_eq!(signed_in.headers()["access-control-allow-origin"], PAGES);
    assert!(signed_in.headers()["set-cookie"].to_str().unwrap().starts_with("__Host-id="));
    // A script can read that nobody is signed in.
    let refused = send(Method::GET, "/me", &from_pages).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.headers()["access-control-allow-origin"], PAGES);
    let varies: Vec<_> = refused.headers().get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(varies.iter().any(|vary| vary.contains("ookie")), "{varies:?}");
}

#[tokio::test]
async fn other_hosts_of_the_site_are_refused() {
    let from_blog = [("origin", "https://blog.example.com"), ("sec-fetch-site", "same-site")];
    let refused = send(Method::POST, "/sign-in", &from_blog).await;
    assert_eq!(refused.status(), 403);
    assert!(refused.headers().get("set-cookie").is_none());
}
