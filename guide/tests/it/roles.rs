//! The program of the page on roles and permissions.

use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, COOKIE};
use actix_web::test::{TestRequest, init_service, try_call_service};
use sessions_actix::Login;

include!("../../programs/roles.rs");

#[actix_web::test]
async fn roles_count_at_once() {
    let (sessions, users) =
        (Sessions::builder().login_page("/login").build().unwrap(), web::Data::new(Users::default()));
    let app = App::new().app_data(users.clone()).app_data(web::Data::new(sessions.clone()));
    let app = init_service(app.configure(routes).wrap(SessionMiddleware::new(sessions.clone()))).await;
    let send = async |cookie: &str, method: Method, path: &str| {
        let request = TestRequest::with_uri(path).method(method).insert_header((COOKIE, cookie));
        match try_call_service(&app, request.insert_header((ACCEPT, "text/html")).to_request()).await {
            Ok(response) => response.status().as_u16(),
            Err(error) => error.as_response_error().status_code().as_u16(),
        }
    };
    users.set_role("ann", Role::Admin).await;
    users.set_role("bob", Role::Editor).await;
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| sessions.issue(Login::new(name)));
    let (ann, bob, eve) = (ann.await.unwrap(), bob.await.unwrap(), eve.await.unwrap());

    assert_eq!(send("", Method::GET, "/edit").await, 303);
    assert_eq!(send(eve.cookie(), Method::GET, "/edit").await, 403);
    assert_eq!(send(bob.cookie(), Method::GET, "/edit").await, 200);
    assert_eq!(send(bob.cookie(), Method::DELETE, "/editors/ann").await, 403);

    users.set_role("eve", Role::Editor).await;
    assert_eq!(send(eve.cookie(), Method::GET, "/edit").await, 200);
    assert_eq!(send(ann.cookie(), Method::DELETE, "/editors/bob").await, 200);
    assert_eq!(send(bob.cookie(), Method::GET, "/edit").await, 303);
}
