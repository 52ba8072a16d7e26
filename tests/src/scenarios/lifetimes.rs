//! How long a login lasts, and how fresh it is.

use serde_json::Value;

use crate::{Response, Server, Visitor};

const HOUR: u64 = 60 * 60 * 1000;
const DAY: u64 = 24 * HOUR;

/// Signs in on a server with an idle timeout of two hours.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn whoami_tells_when_a_login_began_and_ends(server: &Server) {
    let mut visitor = server.visitor();
    assert_eq!((time(&mut visitor, "signed_in_at"), time(&mut visitor, "ends_at")), (None, None));
    visitor.put("cart", "3 books");
    assert_eq!(time(&mut visitor, "signed_in_at"), None);
    assert!(time(&mut visitor, "ends_at").is_some(), "an anonymous session ends too");
    visitor.login("ann");
    let signed_in = time(&mut visitor, "signed_in_at").expect("ann has signed in");
    let ends = time(&mut visitor, "ends_at").expect("the session ends");
    // A busy machine may need some time between the two.
    assert!((ends - signed_in).abs_diff(2 * HOUR) < 60_000, "{signed_in} to {ends}");
    let sessions = visitor.get("/sessions").json();
    assert_eq!(sessions[0]["signed_in_at"], signed_in, "{sessions}");
}

/// Signs in for 30 days on a server with an absolute timeout of an hour, and then without a time.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn remembered_login_outlives_browser_and_timeouts(server: &Server) {
    let mut visitor = server.visitor();
    assert_eq!(max_age(&visitor.login("ann")), None, "an ordinary cookie ends with the browser");
    let remembered = visitor.get("/login?user=ann&remember=30d").expect_text("ok");
    expect_month(max_age(&remembered), 1);
    let signed_in = time(&mut visitor, "signed_in_at").expect("ann has signed in");
    let ends = time(&mut visitor, "ends_at");
    expect_month(ends.map(|ends| ends - signed_in), 1000);
    visitor.put("cart", "3 books");
    assert_eq!(time(&mut visitor, "ends_at"), ends, "use does not prolong it");
    // The next login is an ordinary one again.
    assert_eq!(max_age(&visitor.login("ann")), None);
    assert!(time(&mut visitor, "ends_at") < Some(signed_in + DAY));
}

/// Confirms a login until the confirmation falls into a later millisecond.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn confirmation_makes_a_login_fresh_again(server: &Server) {
    let mut visitor = server.visitor();
    visitor.get("/confirm").expect_status(401).expect_no_cookie();
    visitor.login("ann");
    visitor.put("cart", "3 books");
    let (id, before) = (visitor.id(), visitor.token());
    let signed_in = time(&mut visitor, "signed_in_at").expect("ann has signed in");
    // Times are whole milliseconds, so a confirmation may fall into that of the login.
    let confirmed = (0..1000).find_map(|_| {
        visitor.get("/confirm").expect_text("ok");
        time(&mut visitor, "signed_in_at").filter(|confirmed| *confirmed > signed_in)
    });
    let confirmed = confirmed.expect("a confirmation counts as a login");
    visitor.get("/fresh?within=1h").expect_text("ann");
    visitor.get("/fresh?within=0s").expect_status(401);
    assert_eq!((visitor.id(), visitor.entries()["cart"].as_str()), (id, "3 books"));
    assert_ne!(visitor.token(), before, "a confirmation replaces the token");
    server.visitor_with(&before).expect_anonymous();
    let sessions = visitor.get("/sessions").json();
    assert_eq!(sessions.as_array().map(Vec::len), Some(1), "{sessions}");
    assert_eq!(sessions[0]["signed_in_at"], Value::from(confirmed));
}

/// Changes when one of two sessions ends, on a server with an absolute timeout of an hour.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn expiry_of_one_session_can_be_changed(server: &Server) {
    let (mut visitor, mut other) = (server.signed_in("ann"), server.signed_in("ann"));
    let signed_in = time(&mut visitor, "signed_in_at").expect("ann has signed in");
    let ends = time(&mut other, "ends_at");
    for (after, minutes) in [("10m", 10), ("2h", 120), ("5m", 5)] {
        let answer = visitor.get(&format!("/expire?after={after}")).expect_text("ok");
        // A busy machine may need some time between the login and this.
        let age = max_age(&answer);
        assert!(age.is_some_and(|age| (minutes * 60 - 60..=minutes * 60).contains(&age)), "{age:?} for {after}");
        let lasts = time(&mut visitor, "ends_at").map(|ends| ends - signed_in);
        let is_close = |lasts: u64| lasts.abs_diff(minutes * 60_000) < 60_000;
        assert!(lasts.is_some_and(is_close), "{lasts:?} ms for {after}");
    }
    visitor.expect_user("ann");
    assert_eq!(time(&mut other, "ends_at"), ends, "another session keeps its own");
    // The next login is an ordinary one again.
    assert_eq!(max_age(&visitor.login("ann")), None);
}

/// Returns a time of `/whoami`, in milliseconds since the Unix epoch, or `None` for null.
#[track_caller]
fn time(visitor: &mut Visitor<'_>, name: &str) -> Option<u64> {
    let whoami = visitor.get("/whoami").json();
    assert!(whoami[name].is_null() || whoami[name].is_u64(), "{name} of {whoami}");
    whoami[name].as_u64()
}

/// Returns the `Max-Age` of the only cookie.
#[track_caller]
fn max_age(answer: &Response) -> Option<u64> {
    let cookies = answer.set_cookies();
    assert_eq!(cookies.len(), 1, "{answer}");
    cookies[0].attribute("Max-Age").map(|seconds| seconds.parse().expect("Max-Age is a number"))
}

/// Expects a time of 30 days, less what a busy machine takes for a request. `unit` is that of a
/// second.
#[track_caller]
fn expect_month(time: Option<u64>, unit: u64) {
    let month = 30 * 24 * 60 * 60 * unit;
    assert!(time.is_some_and(|time| (month - 60 * unit..=month).contains(&time)), "{time:?}");
}
