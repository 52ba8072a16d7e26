//! The fields of the log lines, such as the reason why a session ended.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::Once;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pollster::block_on;
use sessions_core::Event::Rejected;
use sessions_core::Session;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use crate::support::{Fixture, made_up_token};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Records what each thread logs. It is set for the whole process: a call site that logs before
/// there is a subscriber may stay disabled.
struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sessions_core"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| lines.push(line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// An event's level and its fields.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

/// Returns what `work` logs on this thread, a line for each event.
pub(crate) fn logged(work: impl FnOnce()) -> Vec<String> {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| tracing::subscriber::set_global_default(Lines).unwrap());
    LINES.take();
    work();
    LINES.take()
}

#[test]
fn a_life_is_logged_at_debug_by_id_and_reason() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let mut id = None;
    let lines = logged(|| {
        browser.set("k", "v");
        id = browser.visit(Session::id).result;
        browser.visit(|session| session.login("ann").unwrap());
        browser.visit(Session::destroy);
        browser.set("k", "v");
        block_on(fixture.sessions.destroy_all()).unwrap();
    });
    let id = id.unwrap();
    let lines: Vec<_> = lines.into_iter().filter(|line| !line.starts_with("TRACE ")).collect();
    assert_eq!(
        lines[..2],
        [format!("DEBUG message=session created id={id}"), format!("DEBUG message=session renewed id={id}")]
    );
    assert_eq!(lines[2], format!("DEBUG message=principal signed in id={id}"));
    assert_eq!(lines[3], format!("DEBUG message=session ended id={id} reason=Logout"));
    assert_eq!(lines[5..], ["DEBUG message=all sessions ended count=1"]);
}

#[test]
fn the_log_has_the_reason_of_each_end() {
    let ended = |end: fn(&Fixture, &mut crate::support::Browser)| {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        browser.set("k", "v");
        let lines = logged(|| end(&fixture, &mut browser));
        lines.into_iter().filter(|line| line.contains("session ended")).collect::<String>()
    };
    let by_id = ended(|fixture, browser| {
        let id = browser.start().id().unwrap();
        assert!(block_on(fixture.sessions.destroy_by_id(id)).unwrap());
    });
    assert!(by_id.ends_with("reason=Revoked"), "{by_id}");
    let swept = ended(|fixture, _| {
        fixture.clock.advance(Duration::from_secs(13 * 60 * 60));
        block_on(fixture.sessions.sweep(10)).unwrap();
    });
    assert!(swept.ends_with("reason=Expired"), "{swept}");
}

#[test]
fn the_log_has_the_reason_of_each_rejection() {
    type Spoil = fn(&Fixture, &mut String);
    let cases: [(Spoil, &str); 7] = [
        (|_, cookie| cookie.push('x'), "DEBUG message=a token opened no session reason=Malformed"),
        (|_, cookie| *cookie = format!("__Host-id={}", made_up_token(1)), " reason=Unknown"),
        (
            |_, cookie| {
                let end = cookie.len() - 3;
                let other = if &cookie[end..end + 1] == "A" { "B" } else { "A" };
                cookie.replace_range(end..end + 1, other);
            },
            " reason=WrongSecret",
        ),
        (|fixture, _| fixture.clock.advance(Duration::from_secs(31 * 60)), " reason=Expired"),
        (
            |fixture, cookie| {
                let mut other = fixture.browser();
                other.set("k", "v");
                *cookie = format!("{cookie}; {}", other.cookie.unwrap());
            },
            " reason=Ambiguous",
        ),
        (
            |_, cookie| *cookie = (0..9).map(|seed| format!("__Host-id={};", made_up_token(seed))).collect(),
            " reason=TooMany",
        ),
        (
            |fixture, _| fixture.store.unreadable.store(true, Ordering::SeqCst),
            "ERROR message=a token opened no session",
        ),
    ];
    for (spoil, expected) in cases {
        let fixture = Fixture::new();
        let mut browser = fixture.browser();
        browser.set("k", "v");
        let mut cookie = browser.cookie.clone().unwrap();
        spoil(&fixture, &mut cookie);
        let lines = logged(|| drop(block_on(fixture.sessions.open().session([cookie.as_bytes()]))));
        let rejections: Vec<_> = lines.iter().filter(|line| line.contains("a token opened no session")).collect();
        assert!(
            !rejections.is_empty() && rejections.iter().all(|line| line.contains(expected)),
            "{expected}: {lines:?}"
        );
        for line in rejections {
            assert_eq!(line.starts_with("DEBUG "), !expected.starts_with("ERROR"), "{line}");
            assert!(!line.contains(&cookie[cookie.len() - 22..]), "{line}");
        }
    }
}

/// Regression: whoever knew the id of a damaged record could write an error per request.
#[test]
fn client_cannot_flood_the_log_with_errors() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("k", "v");
    let lines = |is_newer: bool| {
        fixture.store.newer.store(is_newer, Ordering::SeqCst);
        fixture.store.unreadable.store(!is_newer, Ordering::SeqCst);
        let lines = logged(|| drop(browser.start()));
        lines.into_iter().filter(|line| line.contains("a token opened no session")).collect::<String>()
    };
    for minute in 0..2 {
        for is_newer in [false, true] {
            assert!(lines(is_newer).starts_with("ERROR "), "{minute} {is_newer}");
            assert!(lines(is_newer).starts_with("DEBUG "), "{minute} {is_newer}");
        }
        fixture.clock.advance(Duration::from_secs(60));
    }
    let rejected = fixture.take_events().into_iter().filter(|event| matches!(event, Rejected { .. }));
    assert_eq!(rejected.count(), 8, "each is an event");
}

#[test]
fn the_log_has_the_reason_for_no_token() {
    for (cookie, reason) in
        [(None, Some("no cookie")), (Some("theme=dark"), Some("cookies of other names")), (Some("__Host-id=x"), None)]
    {
        let fixture = Fixture::new();
        let lines = logged(|| drop(block_on(fixture.sessions.open().session(cookie.map(str::as_bytes)))));
        let absences: Vec<_> = lines.iter().filter(|line| line.contains("request without a session")).collect();
        let expected = reason
            .map(|reason| format!(r#"TRACE message=request without a session cookie="__Host-id" reason="{reason}""#));
        assert_eq!(absences, Vec::from_iter(&expected), "{cookie:?}");
    }
}

#[test]
fn building_a_cookie_without_secure_logs_a_warning() {
    let warnings = |is_secure: bool| {
        let builder = sessions_core::Sessions::builder().sweep_every(None).cookie_name("shop");
        let builder = if is_secure { builder } else { builder.secure(false) };
        logged(|| drop(builder.build().unwrap()))
    };
    assert_eq!(warnings(true), [""; 0]);
    let told = warnings(false);
    assert!(told.len() == 1 && told[0].starts_with("WARN ") && told[0].contains(r#"cookie="shop""#), "{told:?}");
}
