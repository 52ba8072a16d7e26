//! How long a login lasts, and how long ago it was.

use std::time::UNIX_EPOCH;

use serde_json::Value;

use crate::{Response, Server, Visitor};

/// Arguments of the servers: timeouts that differ from the lifetime of any session.
pub const ARGUMENTS: [&str; 4] = ["--idle", "20m", "--absolute", "1h"];

const MINUTE: u64 = 60 * 1000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Signs in on the first server, and reads the times on all servers.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn whoami_has_the_times_of_a_login(servers: &[&Server]) {
    let mut visitor = servers[0].visitor();
    assert_eq!((time(&mut visitor, "signed_in_at"), time(&mut visitor, "ends_at")), (None, None));
    visitor.put("cart", "3 books");
    assert_eq!(time(&mut visitor, "signed_in_at"), None);
    assert!(time(&mut visitor, "ends_at").is_some(), "an anonymous session ends too");
    visitor.login("ann");
    let signed_in = time(&mut visitor, "signed_in_at").expect("ann has signed in");
    for mut visitor in at_each(servers, &visitor) {
        assert_eq!(time(&mut visitor, "signed_in_at"), Some(signed_in));
        expect_to_last(&mut visitor, signed_in, 20);
        let sessions = visitor.get("/sessions").json();
        assert_eq!(sessions[0]["signed_in_at"], signed_in, "{sessions}");
    }
}

/// Signs in for 30 days on the first server, and then for the default time on the last one.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn remembered_login_outlives_browser_and_timeouts(servers: &[&Server]) {
    let mut visitor = servers[0].visitor();
    assert_eq!(max_age(&visitor.login("ann")), None, "an ordinary cookie ends with the browser");
    let remembered = visitor.get("/login?user=ann&remember=30d").expect_text("ok");
    expect_month(max_age(&remembered), 1);
    let signed_in = time(&mut visitor, "signed_in_at").expect("ann has signed in");
    let ends = time(&mut visitor, "ends_at");
    expect_month(ends.map(|ends| ends - signed_in), 1000);
    for (index, mut visitor) in at_each(servers, &visitor).enumerate() {
        visitor.put(&format!("cart-{index}"), "3 books");
        assert_eq!(time(&mut visitor, "signed_in_at"), Some(signed_in));
        assert_eq!(time(&mut visitor, "ends_at"), ends, "use does not prolong it");
    }
    // The next login has the default lifetime again.
    let mut visitor = last(servers).visitor_with(&visitor.token());
    assert_eq!(max_age(&visitor.login("ann")), None);
    for mut visitor in at_each(servers, &visitor) {
        assert!(time(&mut visitor, "ends_at") < Some(signed_in + DAY));
    }
}

/// Signs in for a moment, and sends requests to all servers until the login ends.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn remembered_login_ends_at_its_time(servers: &[&Server]) {
    // A cookie lasts for whole seconds. On a busy machine, the shorter ones may end too soon.
    for millis in [1100, 2200, 4400, 8800] {
        let mut visitor = servers[0].visitor();
        visitor.get(&format!("/login?user=ann&remember={millis}ms")).expect_text("ok");
        let Some(token) = visitor.cookie().map(str::to_owned) else { continue };
        let Some(ends) = time(&mut visitor, "ends_at") else { continue };
        let is_signed_in = |server: &&&Server| is_signed_in_until(&mut server.visitor_with(&token), ends);
        let mut seen = 0;
        while now() < ends {
            seen += servers.iter().filter(is_signed_in).count();
            // Waits, so that other tests can use the machine.
            servers[0].visitor().get("/flash/get?k=notice&ms=50").expect_text("");
        }
        assert_eq!(servers.iter().filter(is_signed_in).count(), 0);
        if seen > 0 {
            return;
        }
    }
    panic!("every login ended before it was checked");
}

/// Confirms bob's only login until the confirmation falls into a later millisecond.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn confirmation_makes_a_login_fresh_again(servers: &[&Server]) {
    let mut visitor = servers[0].visitor();
    visitor.get("/confirm").expect_status(401).expect_no_cookie();
    visitor.login("bob");
    visitor.put("cart", "3 books");
    let (id, before) = (visitor.id(), visitor.token());
    let signed_in = time(&mut visitor, "signed_in_at").expect("bob has signed in");
    // Times are whole milliseconds, so a confirmation may have the same time as the login.
    let confirmed = (0..1000).find_map(|_| {
        visitor.get("/confirm").expect_text("ok");
        time(&mut visitor, "signed_in_at").filter(|confirmed| *confirmed > signed_in)
    });
    let confirmed = confirmed.expect("a confirmation counts as a login");
    visitor.get("/fresh?within=1h").expect_text("bob");
    visitor.get("/fresh?within=0s").expect_status(401);
    assert_eq!((visitor.id(), visitor.entries()["cart"].as_str()), (id, "3 books"));
    assert_ne!(visitor.token(), before, "a confirmation replaces the token");
    servers.iter().for_each(|server| server.visitor_with(&before).expect_anonymous());
    for mut visitor in at_each(servers, &visitor) {
        assert_eq!(time(&mut visitor, "signed_in_at"), Some(confirmed));
        let sessions = visitor.get("/sessions").json();
        assert_eq!(sessions.as_array().map(Vec::len), Some(1), "{sessions}");
        assert_eq!(sessions[0]["signed_in_at"], Value::from(confirmed));
    }
}

/// Confirms logins of several lifetimes on the last server.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn confirmation_keeps_the_lifetime(servers: &[&Server]) {
    let begun = servers[0].signed_in("ann");
    let mut ordinary = last(servers).visitor_with(&begun.token());
    assert_eq!(max_age(&ordinary.get("/confirm").expect_text("ok")), None);

    let mut begun = servers[0].visitor();
    begun.get("/login?user=ann&remember=30d").expect_text("ok");
    let ends = time(&mut begun, "ends_at");
    let mut remembered = last(servers).visitor_with(&begun.token());
    expect_month(max_age(&remembered.get("/confirm").expect_text("ok")), 1);
    for mut visitor in at_each(servers, &remembered) {
        assert_eq!(time(&mut visitor, "ends_at"), ends);
    }

    ordinary.get("/expire?after=2h").expect_text("ok");
    let changed = time(&mut ordinary, "ends_at");
    expect_age(&ordinary.get("/confirm").expect_text("ok"), 120);
    for mut visitor in at_each(servers, &ordinary) {
        let signed_in = time(&mut visitor, "signed_in_at").expect("ann has signed in");
        expect_to_last(&mut visitor, signed_in, 120);
        // The absolute timeout has moved to this time, and stays.
        assert_eq!(time(&mut visitor, "ends_at"), changed);
    }
}

/// Changes when one of two sessions ends, alternating between the servers.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn expiry_of_one_session_can_be_changed(servers: &[&Server]) {
    let (mut visitor, mut other) = (servers[0].signed_in("ann"), servers[0].signed_in("ann"));
    let signed_in = time(&mut visitor, "signed_in_at").expect("ann has signed in");
    let ends = time(&mut other, "ends_at");
    let by_turns = servers.iter().rev().cycle();
    for ((after, minutes), server) in [("10m", 10), ("2h", 120), ("5m", 5)].into_iter().zip(by_turns) {
        let answer = server.visitor_with(&visitor.token()).get(&format!("/expire?after={after}")).expect_text("ok");
        expect_age(&answer, minutes);
        at_each(servers, &visitor).for_each(|mut visitor| expect_to_last(&mut visitor, signed_in, minutes));
    }
    visitor.expect_user("ann");
    assert_eq!(time(&mut other, "ends_at"), ends, "another session keeps its own");
    // The next login has the default lifetime again.
    let mut visitor = last(servers).visitor_with(&visitor.token());
    assert_eq!(max_age(&visitor.login("ann")), None);
    let signed_in = time(&mut visitor, "signed_in_at").expect("ann has signed in");
    at_each(servers, &visitor).for_each(|mut visitor| expect_to_last(&mut visitor, signed_in, 20));
}

/// Returns the last server.
fn last<'a>(servers: &[&'a Server]) -> &'a Server {
    servers[servers.len() - 1]
}

/// Returns the same browser on each of the servers.
fn at_each<'a>(servers: &[&'a Server], visitor: &Visitor<'_>) -> impl Iterator<Item = Visitor<'a>> {
    let token = visitor.token();
    servers.iter().map(move |server| server.visitor_with(&token))
}

/// Returns whether a visitor is signed in, which must be the case until `ends` and no longer.
#[track_caller]
fn is_signed_in_until(visitor: &mut Visitor<'_>, ends: u64) -> bool {
    let asked = now();
    let is_signed_in = visitor.whoami().user.is_some();
    let answered = now();
    assert!(is_signed_in || answered >= ends, "{} ms early", ends.abs_diff(answered));
    assert!(!is_signed_in || asked < ends, "{} ms late", ends.abs_diff(asked));
    is_signed_in
}

/// Expects that a session ends some minutes after a time.
#[track_caller]
fn expect_to_last(visitor: &mut Visitor<'_>, since: u64, minutes: u64) {
    let ends = time(visitor, "ends_at").expect("the session ends");
    // On a busy machine, some time may pass between the two.
    assert!((since + minutes * MINUTE).abs_diff(ends) < MINUTE, "{} ms", ends.saturating_sub(since));
}

/// Expects a `Max-Age` of some minutes, minus the time of a request on a busy machine.
#[track_caller]
fn expect_age(answer: &Response, minutes: u64) {
    let age = max_age(answer);
    assert!(age.is_some_and(|age| (minutes * 60 - 60..=minutes * 60).contains(&age)), "{age:?}\n{answer}");
}

fn now() -> u64 {
    let now = UNIX_EPOCH.elapsed().expect("the clock is right");
    u64::try_from(now.as_millis()).expect("a time has 64 bits")
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

/// Expects a time of 30 days, minus the time of a request on a busy machine. `unit` is the length
/// of a second.
#[track_caller]
fn expect_month(time: Option<u64>, unit: u64) {
    let month = 30 * 24 * 60 * 60 * unit;
    assert!(time.is_some_and(|time| (month - 60 * unit..=month).contains(&time)), "{time:?}");
}
