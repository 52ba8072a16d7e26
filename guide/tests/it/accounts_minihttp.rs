//! The program of the page on accounts without a framework, for may_minihttp.

#![expect(dead_code, reason = "the program's `main` is not called")]

use std::sync::Arc;

use sessions_minihttp::sessions_core::testing::ManualClock;

use crate::accounts_flow::use_accounts;

include!("../../programs/accounts_minihttp.rs");

#[test]
fn a_member_signs_in_and_closes_the_account() {
    assert!(sessions().is_ok());
    let clock = Arc::new(ManualClock::default());
    let builder = Sessions::builder().login_page("/login").confirm_page("/confirm").clock(Arc::clone(&clock));
    let sessions = builder.sweep_every(None).build().unwrap();
    let (server, _running) = WithSessions::new(sessions, handle).start_with_address("127.0.0.1:0").unwrap();
    use_accounts(server, &clock, LOGIN, CONFIRM);
}
