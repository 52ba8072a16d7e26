//! Login: the secret changes, the session stays.

use sessions_tests::scenarios::login;
use sessions_tests::{Framework, Server, each_together, in_every_framework};

in_every_framework! {
    login_keeps_the_session_and_kills_the_old_cookie,
    login_again_as_the_same_user_keeps_the_entries,
    login_as_another_user_drops_the_entries,
    login_without_a_session_creates_one,
    each_login_gives_another_token,
    eight_logins_at_once_from_one_cookie_all_sign_in,
    writes_that_race_a_login_never_leak_the_session,
}

fn login_keeps_the_session_and_kills_the_old_cookie(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.put("cart", "3 books");
    let (id, token, mut before) = (visitor.id(), visitor.token(), visitor.twin());
    visitor.login("ann");
    assert_ne!(visitor.token(), token);
    before.expect_anonymous();
    let after = visitor.whoami();
    assert_eq!((after.id, after.user.as_deref()), (Some(id), Some("ann")));
    assert_eq!(visitor.entries(), [("cart".to_owned(), "3 books".to_owned())].into());
}

fn login_again_as_the_same_user_keeps_the_entries(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("ann");
    visitor.put("cart", "3 books");
    let mut before = visitor.twin();
    visitor.login("ann");
    before.expect_anonymous();
    visitor.expect_user("ann");
    assert_eq!(visitor.entries(), [("cart".to_owned(), "3 books".to_owned())].into());
}

fn login_as_another_user_drops_the_entries(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.signed_in("u1");
    visitor.put("k", "of u1");
    visitor.get("/flash/set?k=notice&v=for-u1").expect_ok();
    let mut before = visitor.twin();
    visitor.login("u2");
    before.expect_anonymous();
    visitor.expect_user("u2");
    assert_eq!(visitor.entries(), [].into());
    visitor.get("/flash/all").expect_text("{}");
}

fn login_without_a_session_creates_one(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    visitor.login("ann");
    let whoami = visitor.whoami();
    assert!(whoami.id.is_some(), "{whoami:?}");
    assert_eq!((whoami.user.as_deref(), whoami.is_new), (Some("ann"), false));
}

fn each_login_gives_another_token(framework: Framework) {
    let server = Server::start(framework);
    let mut visitor = server.visitor();
    (0..20).for_each(|_| drop(visitor.login("ann")));
    let mut tokens = visitor.issued().to_vec();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 20);
    let alive = tokens.iter().filter(|token| server.visitor_with(token).whoami().user.is_some()).count();
    assert_eq!(alive, 1, "one token opens the session");
}

fn eight_logins_at_once_from_one_cookie_all_sign_in(framework: Framework) {
    login::eight_logins_at_once_from_one_cookie_all_sign_in(&Server::start(framework), 200);
}

fn writes_that_race_a_login_never_leak_the_session(framework: Framework) {
    let server = Server::start(framework);
    for _ in 0..20 {
        let mut visitor = server.visitor();
        visitor.put("cart", "3 books");
        let id = visitor.id();
        let mut tabs = visitor.tabs(51);
        let answers = each_together(&mut tabs, |index, tab| match index {
            0 => tab.login("ann"),
            _ => tab.get(&format!("/put?k=k{index}&v=1&ms={}", index % 10)),
        });
        visitor.expect_anonymous();
        let entries = tabs[0].entries();
        assert_eq!(tabs[0].id(), id);
        assert!(entries.contains_key("cart"), "{entries:?}");
        for (index, answer) in answers.iter().enumerate().skip(1) {
            let key = format!("k{index}");
            match (answer.status(), answer.set_cookies().len()) {
                // Written before the login.
                (200, 0) => assert!(entries.contains_key(&key), "{key} was lost:\n{answer}"),
                // Refused, since the secret had changed. A new session's cookie would sign the user
                // out.
                (401, 0) => assert!(!entries.contains_key(&key), "{key} was written:\n{answer}"),
                _ => panic!("neither written nor refused:\n{answer}"),
            }
        }
    }
}
