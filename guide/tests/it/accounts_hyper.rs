//! The program of the page on accounts without a framework, for hyper.

#![expect(dead_code, reason = "the program's `main` is not called")]

use std::sync::Arc;

use sessions_hyper::sessions_core::testing::ManualClock;

use crate::accounts_flow::use_accounts;

include!("../../programs/accounts_hyper.rs");

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_member_signs_in_and_closes_the_account() {
    assert!(sessions().is_ok());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().login_page("/login").confirm_page("/confirm").clock(Arc::clone(&clock));
    let sessions = builder.sweep_every(None).build().unwrap();
    tokio::spawn(async move { serve(listener, sessions).await.unwrap() });
    tokio::task::spawn_blocking(move || use_accounts(server, &clock, LOGIN, CONFIRM)).await.unwrap();
}
