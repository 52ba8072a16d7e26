//! Requests with the token from before a login.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;

const ANN: Step = ("ann", 0, LOGIN_AS_ANN);
const OTHER_ANN: Step = ("ann", 1, LOGIN_AS_ANN);
const BOB: Step = ("bob", 1, LOGIN_AS_BOB);

/// Makes logins beside writes and looks at a flash, all with one token. Expects at least so many
/// orders, and that the writes and looks come before and after a login.
fn race(steps: &[Step], at_least: usize) {
    let servers = Servers::new();
    let token = visitor(&servers);
    let id = see(&servers, &token, ID);
    let requests = with_token(steps, &token);
    let outcomes = RefCell::new(BTreeSet::new());
    let orders = servers.explore(&requests, |responses| {
        let (mut kept, mut shown) = (false, 0);
        let mut logins = Vec::new();
        for ((name, ..), response) in steps.iter().zip(responses) {
            if let "ann" | "bob" = *name {
                assert_eq!(response.error, None, "a login succeeds");
                logins.push((*name, response.cookie().unwrap()));
                continue;
            }
            assert_eq!(response.set_cookie, None, "{name}");
            assert_eq!(response.principal_after, None, "{name}");
            assert!(matches!(response.error, None | Some(ErrorKind::Gone)), "{name}: {response:?}");
            kept |= *name == "write" && response.error.is_none();
            shown += usize::from(response.seen.is_some());
            outcomes.borrow_mut().insert((*name, response.error.is_some() || response.seen.is_some()));
        }
        expect_superseded(&servers, &token);
        let first: Vec<_> = logins.iter().filter(|(_, cookie)| see(&servers, cookie, ID) == id).collect();
        let [(first, _)] = first[..] else { panic!("one login has the visitor's session, not {first:?}") };
        for (name, cookie) in &logins {
            assert_eq!(user(&servers, cookie).as_deref(), Some(*name));
            assert_eq!(has(&servers, cookie, "cart=7"), name == first, "the cart is {first}'s");
            assert_eq!(has(&servers, cookie, "k=v"), name == first && kept, "a write that was not refused is kept");
            shown += usize::from(see(&servers, cookie, FLASH).is_some());
        }
        assert_eq!(shown, 1, "a flash is shown once");
    });
    expect_many(&describe(&requests), orders, at_least);
    let others = steps.iter().filter(|(name, ..)| !matches!(*name, "ann" | "bob")).map(|(name, ..)| *name);
    let all: BTreeSet<_> = others.flat_map(|name| [(name, false), (name, true)]).collect();
    assert_eq!(outcomes.into_inner(), all, "each other request was overtaken, and was not");
}

#[test]
fn a_write_beside_a_login_is_kept_or_refused() {
    race(&[ANN, ("write", 1, WRITE)], 12);
    race(&[ANN, ("write", 0, WRITE)], 8);
}

/// Regression: a write that was committed with the login behind it went on as the member.
#[test]
fn writes_in_one_swap_with_a_login_do_not_see_it() {
    race(&[ANN, ("write", 0, WRITE), ("write", 0, WRITE)], 30);
}

#[test]
fn a_flash_beside_a_login_is_shown_once() {
    race(&[ANN, ("flash", 1, FLASH)], 12);
    race(&[ANN, ("flash", 1, FLASH), ("write", 0, WRITE)], 130);
    race(&[ANN, BOB, ("flash", 0, FLASH)], 150);
}

#[test]
fn a_second_login_has_the_cart_of_the_same_person_only() {
    race(&[ANN, OTHER_ANN], 12);
    race(&[ANN, BOB], 12);
    race(&[ANN, OTHER_ANN, ("write", 1, WRITE)], 150);
    race(&[ANN, BOB, ("write", 0, WRITE)], 150);
}

#[test]
fn three_logins_all_sign_in() {
    race(&[ANN, OTHER_ANN, ("ann", 0, LOGIN_AS_ANN)], 500);
    race(&[ANN, OTHER_ANN, BOB], 500);
}
