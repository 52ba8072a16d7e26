use pollster::block_on;
use sessions_core::{ErrorKind, Key, Session};

use crate::support::Fixture;

#[test]
fn an_entry_is_taken_once() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.set("code", "123");
    let (first, second) = (browser.start(), browser.start());
    assert_eq!(block_on(first.take::<String>("code")).unwrap().as_deref(), Some("123"));
    assert_eq!(block_on(second.take::<String>("code")).unwrap(), None);
    assert!(!first.contains("code") && !second.contains("code"));
    let own = fixture.browser().start();
    own.set("code", "9").unwrap();
    assert_eq!(block_on(own.take::<String>("code")).unwrap().as_deref(), Some("9"));
    assert!(!own.contains("code"));
}

#[test]
fn an_update_sees_concurrent_writes() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set("list", &[1]).unwrap());
    let late = browser.start();
    browser.visit(|session| session.set("list", &[1, 2]).unwrap());
    let push = |list: Option<Vec<u32>>| {
        let mut list = list.unwrap_or_default();
        list.push(3);
        list
    };
    assert_eq!(block_on(late.update("list", push)).unwrap(), [1, 2, 3]);
    assert_eq!(late.get::<Vec<u32>>("list").unwrap(), Some(vec![1, 2, 3]));
    assert_eq!(browser.visit(|session| session.get::<Vec<u32>>("list").unwrap()).result, Some(vec![1, 2, 3]));
}

#[test]
fn updating_an_immutable_entry_skips_the_store() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set_immutable("plan", "pro").unwrap());
    let session = browser.start();
    fixture.store.counts();
    let refused = block_on(session.update("plan", |_: Option<String>| "free".to_owned())).unwrap_err();
    assert_eq!((refused.kind(), fixture.store.counts()), (ErrorKind::Immutable, (0, 0)));
    assert_eq!(browser.get("plan").as_deref(), Some("pro"));
}

#[test]
fn read_flashes_are_removed_unread_ones_stay() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| session.set_flash("a", "1").unwrap());
    browser.visit(|session| session.set_flash("b", &2).unwrap());
    assert_eq!(browser.visit(|session| session.peek_flash::<String>("a").unwrap()).result.as_deref(), Some("1"));
    let twice = browser.visit(|session| (session.lenient_flash("a").text(), session.lenient_flash("a").text())).result;
    assert_eq!(twice, (Some("1".to_owned()), Some("1".to_owned())));
    let rest = browser.visit(|session| {
        session.flashes().into_iter().map(|(key, value)| (key, value.lenient().i64())).collect::<Vec<_>>()
    });
    assert_eq!(rest.result, [("b".to_owned(), Some(2))]);
    assert!(!browser.visit(|session| session.has_flash()).result);
}

#[test]
fn getters_and_listings_read_what_was_set() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.set("text", "1").unwrap();
        session.set("whole", &-7).unwrap();
        session.set("real", &2.5).unwrap();
        session.set("truth", &true).unwrap();
        session.set("list", &["a", "ü%"]).unwrap();
    });
    browser.visit(|session| {
        let text = session.lenient("text");
        assert_eq!((text.i64(), text.bool(), text.f64().unwrap_or(0.0)), (Some(1), Some(true), 1.0));
        assert_eq!(
            (session.lenient("whole").text().as_deref(), session.lenient("none").i64().unwrap_or(3)),
            (Some("-7"), 3)
        );
        assert_eq!(
            (session.lenient("real").f64(), session.lenient("truth").bool().unwrap_or(false)),
            (Some(2.5), true)
        );
        assert_eq!(session.get::<u32>("whole").unwrap_err().kind(), ErrorKind::Decode);
        assert_eq!(session.get::<u32>("none").unwrap(), None);
        let entries = session.entries();
        assert_eq!((session.len(), entries.len(), entries["truth"].lenient().bool()), (5, 5, Some(true)));
        assert_eq!(entries["list"].get::<Vec<String>>().unwrap(), ["a", "ü%"]);
    });
}

/// The result of each lenient getter: string, integer, unsigned integer, float, boolean.
type Readings<'a> = (Option<&'a str>, Option<i64>, Option<u64>, Option<f64>, Option<bool>);

#[test]
fn listed_values_match_the_lenient_getters() {
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.set("text", "7").unwrap();
        session.set("negative", &-7).unwrap();
        session.set("half", &2.5).unwrap();
        session.set("yes", &true).unwrap();
        session.set("no", "false").unwrap();
        session.set("list", &[1]).unwrap();
    });
    let cases: [(&str, Readings<'_>); 6] = [
        ("text", (Some("7"), Some(7), Some(7), Some(7.0), None)),
        ("negative", (Some("-7"), Some(-7), None, Some(-7.0), None)),
        ("half", (Some("2.5"), None, None, Some(2.5), None)),
        ("yes", (Some("true"), None, None, None, Some(true))),
        ("no", (Some("false"), None, None, None, Some(false))),
        ("list", (None, None, None, None, None)),
    ];
    browser.visit(|session| {
        let entries = session.entries();
        for (key, (text, whole, unsigned, number, truth)) in cases {
            let value = &entries[key];
            for lenient in [value.lenient(), session.lenient(key)] {
                let read = (lenient.text(), lenient.i64(), lenient.u64(), lenient.f64(), lenient.bool());
                assert_eq!(read, (text.map(str::to_owned), whole, unsigned, number, truth), "{key}");
            }
            assert_eq!(format!("{value:?}"), "Value { .. }", "the value is not shown");
        }
    });
}

#[test]
fn a_set_of_the_sum_replaces_the_increment() {
    let mut browser = Fixture::new().browser();
    browser.visit(|session| session.set("n", &5).unwrap());
    let session = browser.start();
    assert_eq!(session.increment("n", 1).unwrap(), 6);
    session.set("n", &6).unwrap();
    browser.clone().visit(|session| session.set("n", &10).unwrap());
    browser.finish(&session, 200).unwrap();
    assert_eq!(browser.get("n").as_deref(), Some("6"));
}

#[test]
fn entries_are_written_counted_and_cleared() {
    let mut browser = Fixture::new().browser();
    browser.visit(|session| {
        assert!(session.is_empty() && !session.contains("n"));
        session.set("n", &5).unwrap();
        session.set("m", "x").unwrap();
        assert!(!session.is_empty() && session.contains("n"));
        assert_eq!(session.decrement("n", 7).unwrap(), -2);
        assert_eq!(session.decrement("n", i64::MIN).unwrap_err().kind(), ErrorKind::NotANumber);
        let refused = session.increment("m", 1).unwrap_err();
        assert_eq!((refused.kind(), refused.key(), refused.expected_type()), (ErrorKind::NotANumber, Some("m"), None));
        let refused = session.set("rate", &f64::NAN).unwrap_err();
        assert_eq!((refused.kind(), refused.key()), (ErrorKind::Encode, Some("rate")));
        assert!(refused.to_string().contains("\"rate\""), "{refused}");
        session.set_immutable("plan", "pro").unwrap();
        for refused in [session.set("plan", "free"), session.increment("plan", 1).map(drop)] {
            let refused = refused.unwrap_err();
            assert_eq!((refused.kind(), refused.key()), (ErrorKind::Immutable, Some("plan")));
            assert_eq!(refused.to_string(), "the entry \"plan\" is immutable; only `set_immutable` replaces it");
        }
    });
    browser.visit(|session| {
        assert_eq!((session.get::<i64>("n").unwrap(), session.contains("n"), session.len()), (Some(-2), true, 3));
        session.clear();
        assert_eq!((session.is_empty(), session.contains("n"), session.len()), (true, false, 0));
    });
    assert!(browser.visit(Session::is_empty).result);
}

#[test]
fn flashes_are_removed_listed_and_cleared() {
    let mut browser = Fixture::new().browser();
    let set = |session: &Session| ["a", "b", "c"].map(|key| session.set_flash(key, "hello").unwrap());
    browser.visit(set);
    browser.visit(|session| {
        assert!(session.remove_flash("a") && !session.remove_flash("a"));
        assert_eq!(session.lenient_flash("b").text().as_deref().unwrap_or("none"), "hello");
        assert_eq!(session.lenient_flash("a").text().as_deref().unwrap_or("none"), "none");
    });
    assert_eq!(browser.visit(|session| session.flashes().into_keys().collect::<Vec<_>>()).result, ["c"]);
    browser.visit(set);
    browser.visit(Session::clear_flashes);
    assert!(!browser.visit(Session::has_flash).result);
}

#[test]
fn only_a_missing_entry_gets_the_default() {
    let mut browser = Fixture::new().browser();
    browser.visit(|session| {
        session.set("text", "rose").unwrap();
        session.set("number", &7).unwrap();
        session.set("truth", &true).unwrap();
    });
    browser.visit(|session| {
        let text = |key| session.lenient(key).text().unwrap_or_else(|| "iris".to_owned());
        assert_eq!((text("text"), text("none")), ("rose".into(), "iris".into()));
        let (number, none) = (session.lenient("number"), session.lenient("none"));
        assert_eq!((number.i64().unwrap_or(3), none.i64().unwrap_or(3)), (7, 3));
        assert_eq!((number.u64().unwrap_or(3), none.u64().unwrap_or(3)), (7, 3));
        assert_eq!((number.f64().unwrap_or(3.0), none.f64().unwrap_or(3.0)), (7.0, 3.0));
        assert_eq!((session.lenient("truth").bool().unwrap_or(false), none.bool().unwrap_or(false)), (true, false));
    });
}

#[test]
fn a_key_reads_and_writes_the_entry_of_its_name() {
    const VISITS: Key<u32> = Key::new("visits");
    let mut browser = Fixture::new().browser();
    assert_eq!((VISITS.name(), format!("{VISITS:?}")), ("visits", "Key(\"visits\")".to_owned()));
    browser.visit(|session| {
        assert!(!VISITS.remove(session));
        VISITS.set(session, &1).unwrap();
        assert_eq!((session.get::<u32>("visits").unwrap(), VISITS.get(session).unwrap()), (Some(1), Some(1)));
        assert!(VISITS.remove(session) && !session.contains("visits"));
        VISITS.set(session, &2).unwrap();
    });
    assert_eq!(browser.visit(|session| block_on(VISITS.take(session)).unwrap()).result, Some(2));
    browser.visit(|session| {
        assert!(!session.contains("visits"));
        VISITS.set_immutable(session, &3).unwrap();
        assert_eq!(VISITS.set(session, &4).unwrap_err().kind(), ErrorKind::Immutable);
    });
    assert_eq!(browser.visit(|session| VISITS.get(session).unwrap()).result, Some(3));
}

#[test]
fn a_key_reads_and_writes_the_flash_of_its_name() {
    const NOTICE: Key<String> = Key::new("notice");
    let mut browser = Fixture::new().browser();
    browser.visit(|session| {
        session.set("notice", "an entry").unwrap();
        assert!(!NOTICE.remove_flash(session));
        NOTICE.set_flash(session, "saved").unwrap();
    });
    browser.visit(|session| {
        assert_eq!(session.peek_flash::<String>("notice").unwrap().as_deref(), Some("saved"));
        assert_eq!(NOTICE.peek_flash(session).unwrap().as_deref(), Some("saved"));
    });
    assert_eq!(browser.visit(|session| NOTICE.flash(session).unwrap()).result.as_deref(), Some("saved"));
    browser.visit(|session| {
        assert_eq!(NOTICE.flash(session).unwrap(), None, "it was read");
        NOTICE.set_flash(session, "again").unwrap();
        assert!(NOTICE.remove_flash(session) && !session.has_flash());
        session.set_flash("notice", &7).unwrap();
        assert_eq!(NOTICE.flash(session).unwrap_err().kind(), ErrorKind::Decode);
    });
    assert_eq!(browser.get("notice").as_deref(), Some("an entry"));
}

#[test]
fn a_key_counts_and_updates_the_entry_of_its_name() {
    const VISITS: Key<i64> = Key::new("visits");
    let mut browser = Fixture::new().browser();
    browser.visit(|session| assert_eq!(VISITS.increment(session, 5).unwrap(), 5));
    let (first, second) = (browser.start(), browser.start());
    assert_eq!((VISITS.increment(&first, 1).unwrap(), VISITS.decrement(&second, 2).unwrap()), (6, 3));
    browser.finish(&first, 200).unwrap();
    browser.finish(&second, 200).unwrap();
    let doubled = browser.visit(|session| block_on(VISITS.update(session, |n| n.unwrap_or(0) * 2)).unwrap()).result;
    assert_eq!((doubled, browser.get("visits").as_deref()), (8, Some("8")));
}

/// Regression: the store took the removal and the set for a set of the immutable entry, and refused
/// all writes of the request.
#[test]
fn a_removed_immutable_entry_can_be_set() {
    let sets: [fn(&Session); 3] = [
        |session| session.set("plan", "1").unwrap(),
        |session| assert_eq!(session.increment("plan", 1).unwrap(), 1),
        |session| {
            session.set("plan", "2").unwrap();
            session.remove("plan");
            session.set("plan", "1").unwrap();
        },
    ];
    for set in sets {
        let mut browser = Fixture::new().browser();
        browser.visit(|session| session.set_immutable("plan", "pro").unwrap());
        browser.visit(|session| {
            assert!(session.remove("plan"));
            set(session);
        });
        assert_eq!(browser.get("plan").as_deref(), Some("1"));
        browser.set("plan", "not immutable any more");
    }
}
