//! Sessions of one user, listed and ended from one of them.

use serde_json::Value;

use crate::{Server, Visitor, together};

/// Lists the sessions of a user.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_user_lists_all_sessions_and_the_current_one(server: &Server) {
    let mut other = server.signed_in("bob");
    let mut sessions = [(); 3].map(|()| server.signed_in("ann"));
    let mut ids: Vec<String> = sessions.iter_mut().map(Visitor::id).collect();
    ids.sort_unstable();
    for visitor in &mut sessions {
        assert_eq!(listed_ids(visitor), ids);
        let listed = listed(visitor);
        let current: Vec<&Value> = listed.iter().filter(|session| session["current"] == true).collect();
        assert_eq!(current.len(), 1, "{listed:?}");
        assert_eq!(current[0]["id"], visitor.id());
        for session in &listed {
            assert!(session["current"].is_boolean(), "{session}");
            assert!(!session["created"].is_null() && !session["last_seen"].is_null(), "{session}");
        }
    }
    assert_eq!(listed_ids(&mut other), [other.id()]);
    let gone = sessions[0].id();
    sessions[0].get("/logout").expect_ok();
    ids.retain(|id| *id != gone);
    assert_eq!(listed_ids(&mut sessions[1]), ids);
}

/// Ends all other sessions of a user.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn logout_others_ends_only_the_users_other_sessions(server: &Server) {
    let mut bob = server.signed_in("bob");
    let mut stranger = server.visitor();
    stranger.get("/set").expect_ok();
    let [mut first, mut second, mut third] = [(); 3].map(|()| server.signed_in("ann"));
    second.put("cart", "3 books");
    second.get("/logout_others").expect_ok().expect_no_cookie();
    first.expect_anonymous();
    third.expect_anonymous();
    second.expect_user("ann");
    assert_eq!(second.entries()["cart"], "3 books");
    assert_eq!(listed_ids(&mut second), [second.id()]);
    bob.expect_user("bob");
    stranger.get("/get").expect_name("iris");
}

/// Signs in while another session ends all others.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn a_login_after_logout_others_stays(server: &Server) {
    for _ in 0..10 {
        let mut before = server.signed_in("ann");
        let mut visitor = server.signed_in("ann");
        let current = &visitor;
        together(2, |index| match index {
            0 => drop(current.twin().get("/logout_others").expect_ok()),
            _ => drop(server.signed_in("ann")),
        });
        before.expect_anonymous();
        visitor.expect_user("ann");
        let mut after = server.signed_in("ann");
        after.expect_user("ann");
        assert!(listed_ids(&mut visitor).contains(&after.id()));
        after.get("/logout_others").expect_ok();
        visitor.expect_anonymous();
        assert_eq!(listed_ids(&mut after), [after.id()], "list and sessions agree");
        after.get("/logout").expect_ok();
    }
}

/// Returns the list that `/sessions` responds with.
#[track_caller]
fn listed(visitor: &mut Visitor<'_>) -> Vec<Value> {
    let answer = visitor.get("/sessions");
    let shown = answer.to_string();
    match answer.json() {
        Value::Array(sessions) => sessions,
        _ => panic!("expected a JSON array, but\n{shown}"),
    }
}

#[track_caller]
fn listed_ids(visitor: &mut Visitor<'_>) -> Vec<String> {
    let id = |session: &Value| session["id"].as_str().map(str::to_owned);
    let mut ids: Vec<String> = listed(visitor).iter().filter_map(id).collect();
    ids.sort_unstable();
    ids
}
