//! The order of functions in hyper.

#![expect(dead_code, reason = "the program's `main` is not called")]

use crate::support::Browser;

include!("../../programs/order_hyper.rs");

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn only_members_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let sessions = Sessions::builder().build().unwrap();
    tokio::spawn(async move { serve(listener, sessions).await.unwrap() });
    let browse = move || {
        let mut browser = Browser::default();
        assert_eq!(browser.visit(server, "/members/whoami").0, 401);
        browser.ask(server, "POST", "/sign-in");
        assert_eq!(browser.visit(server, "/members/whoami"), (200, "ann".to_owned()));
        assert_eq!(browser.visit(server, "/nowhere"), (200, "ann".to_owned()));
    };
    tokio::task::spawn_blocking(browse).await.unwrap();
}
