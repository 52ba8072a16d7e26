//! Services for signed-in visitors.

use std::time::Duration;

use hyper::header::{LOCATION, VARY};
use sessions_hyper::{SignedInService, signed_in};

use super::*;

/// Asks for a page as a browser does, after another response.
fn page(path: &str, after: Option<&Response<Body>>) -> Request<Body> {
    let mut request = request(path, after);
    request.headers_mut().insert("sec-fetch-mode", "navigate".parse().unwrap());
    request
}

fn sessions() -> Sessions {
    Sessions::builder().login_page("/login").confirm_page("/confirm").build().unwrap()
}

async fn pay(request: &Request<Body>) -> Result<Response<Body>, SessionError> {
    signed_in(request).await?.within(Duration::ZERO)?;
    Ok(Response::default())
}

#[tokio::test]
async fn only_signed_in_visitors_reach_the_service() {
    let sessions = sessions();
    let open = SessionService::new(sessions.clone(), service_fn(handle));
    let closed = SessionService::new(sessions, SignedInService::new(service_fn(handle)));
    let denied = closed.call(page("/orders?page=2", None)).await.unwrap();
    assert_eq!(
        (denied.status(), &denied.headers()[LOCATION]),
        (StatusCode::SEE_OTHER, &"/login?next=/orders%3Fpage%3D2".parse().unwrap())
    );
    assert_eq!(
        (&denied.headers()[CACHE_CONTROL], &denied.headers()[VARY]),
        (&"no-store".parse().unwrap(), &"Cookie".parse().unwrap())
    );
    let denied = closed.call(request("/orders", None)).await.unwrap();
    assert_eq!((denied.status(), denied.headers().get(LOCATION)), (StatusCode::UNAUTHORIZED, None));

    let ann = open.call(request("/login", None)).await.unwrap();
    assert_eq!(body(closed.call(page("/orders", Some(&ann))).await.unwrap()).await, "iris");
}

#[tokio::test]
async fn stale_login_must_be_confirmed() {
    let sessions = sessions();
    let open = SessionService::new(sessions.clone(), service_fn(handle));
    let ann = open.call(request("/login", None)).await.unwrap();
    let fresh = SignedInService::new(service_fn(handle)).within(Duration::ZERO);
    let fresh = SessionService::new(sessions.clone(), fresh);
    let paid = SessionService::new(
        sessions,
        service_fn(async |request: Request<Body>| {
            Ok::<_, Infallible>(pay(&request).await.unwrap_or_else(SessionError::into_response))
        }),
    );
    for denied in [fresh.call(page("/fresh", Some(&ann))).await, paid.call(page("/fresh", Some(&ann))).await] {
        let denied = denied.unwrap();
        assert_eq!(denied.status(), StatusCode::SEE_OTHER);
        assert_eq!(denied.headers()[LOCATION], "/confirm?next=/fresh");
    }
}
