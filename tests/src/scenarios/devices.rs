//! Sessions of one user, listed and ended from one of them.

use serde_json::Value;

use crate::{Request, Server, Visitor, together};

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
        assert_eq!(listed_ids(&mut after), [after.id()], "the list has only the new session");
        after.get("/logout").expect_ok();
    }
}

/// Ends another session, which the last server created, by its id, and then the current one.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn one_device_is_signed_out_from_another(servers: &[&Server]) {
    let last = servers[servers.len() - 1];
    let (mut laptop, mut phone, mut tablet) =
        (servers[0].signed_in("ann"), last.signed_in("ann"), last.signed_in("ann"));
    let (page, id) = (laptop.get("/").expect_ok().text(), phone.id());
    assert!(page.contains(&format!("name=\"id\" value=\"{id}\"")), "{page}");
    assert!(!page.contains(&format!("name=\"id\" value=\"{}\"", laptop.id())), "{page}");
    sign_out(&mut laptop, &id, 200);
    servers.iter().for_each(|server| server.visitor_with(&phone.token()).expect_anonymous());
    tablet.expect_user("ann");
    let mut others = vec![laptop.id(), tablet.id()];
    others.sort_unstable();
    assert_eq!(listed_ids(&mut laptop), others);
    sign_out(&mut laptop, &id, 404);
    // The visitor's own session ends as by a logout.
    let (own, token) = (laptop.id(), laptop.token());
    sign_out(&mut laptop, &own, 200);
    assert_eq!(laptop.cookie(), None);
    servers.iter().for_each(|server| server.visitor_with(&token).expect_anonymous());
    tablet.expect_user("ann");
    assert_eq!(listed_ids(&mut tablet), [tablet.id()]);
}

/// Tries on the last server to end sessions of others by their ids, and sessions by invalid ids.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn device_of_another_user_is_not_signed_out(servers: &[&Server]) {
    let last = servers[servers.len() - 1];
    let (mut ann, mut stranger) = (servers[0].signed_in("ann"), servers[0].visitor());
    stranger.put("cart", "3 books");
    let mut bob = last.signed_in("bob");
    for id in [ann.id(), stranger.id()] {
        sign_out(&mut bob, &id, 404);
        sign_out(&mut last.visitor(), &id, 401);
        // A visitor who is not signed in has no devices, not even this one.
        sign_out(&mut last.visitor_with(&stranger.token()), &id, 401);
    }
    for id in ["", "x", "00000000-0000-0000-0000", &ann.token(), &"0".repeat(4000)] {
        sign_out(&mut bob, id, 400);
    }
    sign_out(&mut bob, "00000000-0000-0000-0000-000000000000", 404);
    ann.expect_user("ann");
    bob.expect_user("bob");
    assert_eq!(stranger.entries()["cart"], "3 books");
}

/// Posts the form that signs a device out, and expects a status.
#[track_caller]
fn sign_out(visitor: &mut Visitor<'_>, id: &str, status: u16) {
    visitor.ask(Request::post_form("/logout_device", &[("id", id)])).expect_status(status);
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
