//! The process-wide manager. A single test, because there is only one process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use sessions_core::{ErrorKind, Sessions};

use crate::support::{TestStore, request_after, serve, set_cookies};

static ENDED: AtomicUsize = AtomicUsize::new(0);

async fn set_name() -> Response<()> {
    let session = sessions_http::global::start(&Request::new(())).await.unwrap();
    session.set("name", "iris").unwrap();
    let mut response = Response::new(());
    sessions_http::global::finish(&session, &mut response).await.unwrap();
    response
}

#[tokio::test]
async fn global_functions_use_the_global_manager() {
    TestStore::new().manager("global").set_global().unwrap();
    sessions_http::global::on_destroy(|_, _| {
        ENDED.fetch_add(1, Ordering::Relaxed);
    });

    let named = set_name().await;
    assert!(set_cookies(named.headers())[0].starts_with("global="));
    let session = sessions_http::global::start(&request_after(&named)).await.unwrap();
    assert_eq!(session.get::<String>("name").unwrap().as_deref(), Some("iris"));

    let mut response = Response::new(());
    sessions_http::global::shift_expiration(&request_after(&named), &mut response).await.unwrap();
    let minute = Duration::from_secs(60);
    sessions_http::global::update_expiration(&request_after(&named), &mut response, minute).await.unwrap();
    let session = sessions_http::global::start(&request_after(&named)).await.unwrap();
    assert!(session.remaining().unwrap() <= minute);

    sessions_http::global::destroy(&request_after(&named), &mut response).await.unwrap();
    assert_eq!(ENDED.load(Ordering::Relaxed), 1);

    let named = set_name().await;
    let id = sessions_http::global::start(&request_after(&named)).await.unwrap().id().unwrap();
    assert!(sessions_http::global::destroy_by_id(id).await.unwrap());
    assert_eq!(ENDED.load(Ordering::Relaxed), 2);
    set_name().await;
    set_name().await;
    assert_eq!(sessions_http::global::destroy_all().await.unwrap(), 2);

    // Within a middleware, the calls share its session.
    let response = serve(Sessions::global(), Request::new(()), async |request| {
        sessions_http::global::start(&request).await?.set("name", "iris")?;
        Ok::<_, sessions_http::SessionError>(Response::default())
    });
    assert_eq!(set_cookies(response.await.unwrap().headers()).len(), 1);

    let again = Sessions::builder().build().unwrap().set_global();
    assert!(again.is_err());
    let none = sessions_http::global::shift_expiration(&Request::new(()), &mut Response::new(())).await;
    assert_eq!(none.unwrap_err().kind(), ErrorKind::NoSession);
}
