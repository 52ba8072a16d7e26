//! Round trips: `set` accepts exactly the values that `get` returns unchanged.

use std::collections::BTreeMap;
use std::error::Error as _;

use pollster::block_on;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sessions_core::{Codec, ErrorKind, Event, Key, Session, SessionId};

use crate::support::Fixture;

/// A value of any type in serde's data model.
#[expect(clippy::option_option, reason = "one of the types to test")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Any {
    Unit,
    UnitStruct(Nothing),
    Truth(bool),
    Small(i8, u8),
    Whole(i64, u64),
    Wide(i128, u128),
    Single(f32),
    Double(f64),
    Letter(char),
    Text(String),
    Bytes(Vec<u8>),
    Pair((u8, String)),
    Wrapped(Wrapper),
    Maybe(Option<Box<Self>>),
    Twice(Option<Option<u8>>),
    MaybeUnit(Option<()>),
    Named {
        #[serde(rename = "")]
        empty: Option<u16>,
        deep: Box<Self>,
    },
    List(Vec<Self>),
    ByText(BTreeMap<String, Self>),
    ByNumber(BTreeMap<i64, Self>),
    ByWide(BTreeMap<i128, u8>),
    ByLetter(BTreeMap<char, u8>),
    ByTruth(BTreeMap<bool, u8>),
    ByVariant(BTreeMap<Color, u8>),
    ByMaybe(BTreeMap<Option<u8>, u8>),
    ByPair(BTreeMap<(u8, u8), u8>),
    ByUnit(BTreeMap<(), u8>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrapper(f64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Color {
    Red,
    #[serde(rename = "")]
    Nameless,
}

fn leaves() -> impl Strategy<Value = Any> {
    prop_oneof![
        Just(Any::Unit),
        Just(Any::UnitStruct(Nothing)),
        any::<bool>().prop_map(Any::Truth),
        any::<(i8, u8)>().prop_map(|(one, other)| Any::Small(one, other)),
        any::<(i64, u64)>().prop_map(|(one, other)| Any::Whole(one, other)),
        any::<(i128, u128)>().prop_map(|(one, other)| Any::Wide(one, other)),
        any::<u32>().prop_map(|bits| Any::Single(f32::from_bits(bits))),
        any::<u64>().prop_map(|bits| Any::Double(f64::from_bits(bits))),
        any::<f64>().prop_map(|number| Any::Wrapped(Wrapper(number))),
        any::<char>().prop_map(Any::Letter),
        any::<String>().prop_map(Any::Text),
        any::<Vec<u8>>().prop_map(Any::Bytes),
        any::<(u8, String)>().prop_map(Any::Pair),
        any::<Option<Option<u8>>>().prop_map(Any::Twice),
        any::<Option<()>>().prop_map(Any::MaybeUnit),
        maps(any::<i128>()).prop_map(Any::ByWide),
        maps(any::<char>()).prop_map(Any::ByLetter),
        maps(any::<bool>()).prop_map(Any::ByTruth),
        maps(prop_oneof![Just(Color::Red), Just(Color::Nameless)]).prop_map(Any::ByVariant),
        maps(any::<Option<u8>>()).prop_map(Any::ByMaybe),
        maps(any::<(u8, u8)>()).prop_map(Any::ByPair),
        maps(any::<()>()).prop_map(Any::ByUnit),
    ]
}

fn maps<K: Ord + std::fmt::Debug>(keys: impl Strategy<Value = K>) -> impl Strategy<Value = BTreeMap<K, u8>> {
    prop::collection::btree_map(keys, any::<u8>(), 0..3)
}

fn anything() -> impl Strategy<Value = Any> {
    leaves().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::option::of(inner.clone().prop_map(Box::new)).prop_map(Any::Maybe),
            (any::<Option<u16>>(), inner.clone().prop_map(Box::new))
                .prop_map(|(empty, deep)| Any::Named { empty, deep }),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Any::List),
            prop::collection::btree_map(any::<String>(), inner.clone(), 0..4).prop_map(Any::ByText),
            prop::collection::btree_map(any::<i64>(), inner, 0..4).prop_map(Any::ByNumber),
        ]
    })
}

/// A codec that writes indented JSON.
#[derive(Debug)]
struct Pretty;

impl Codec for Pretty {
    fn encode(&self, value: &serde_json::Value) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::to_vec_pretty(value)?)
    }

    fn decode(&self, bytes: &[u8]) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

fn session() -> Session {
    block_on(Fixture::new().sessions.open().session([])).unwrap()
}

/// Returns whether a session accepts a value, which it must then return unchanged.
///
/// Compares the `Debug` output, since -0.0 equals 0.0.
fn accepts<T: Serialize + DeserializeOwned + std::fmt::Debug>(session: &Session, value: &T) -> bool {
    match session.set("k", value) {
        Ok(()) => {
            let back: T = session.get("k").unwrap().unwrap();
            assert_eq!(format!("{back:?}"), format!("{value:?}"));
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Encode);
            false
        }
    }
}

fn json_round_trips(value: &Any) -> bool {
    let json = serde_json::to_vec(value).ok();
    let back = json.and_then(|json| serde_json::from_slice::<Any>(&json).ok());
    back.is_some_and(|back| format!("{back:?}") == format!("{value:?}"))
}

proptest! {
    #[test]
    fn exactly_the_values_that_round_trip_are_accepted(value in anything()) {
        prop_assert_eq!(accepts(&session(), &value), json_round_trips(&value));
    }

    #[test]
    fn values_accepted_with_a_codec_round_trip(value in anything()) {
        let fixture = Fixture::with(|builder| builder.codec(Pretty));
        let is_accepted = accepts(&block_on(fixture.sessions.open().session([])).unwrap(), &value);
        prop_assert!(!is_accepted || json_round_trips(&value));
    }

    /// Regression: 12,031 of 200,000 random latitudes came back different.
    #[test]
    fn a_float_round_trips_to_the_last_bit(latitude in -90.0..90.0_f64) {
        let session = session();
        session.set("k", &latitude).unwrap();
        prop_assert_eq!(session.get::<f64>("k").unwrap().map(f64::to_bits), Some(latitude.to_bits()));
        let same = block_on(session.update("k", |value: Option<f64>| value.unwrap())).unwrap();
        prop_assert_eq!(same.to_bits(), latitude.to_bits());
    }
}

#[test]
fn a_codec_keeps_what_it_reads_back_and_nothing_else() {
    /// Drops the contents of a list.
    #[derive(Debug)]
    struct Lossy;
    impl Codec for Lossy {
        fn encode(&self, value: &serde_json::Value) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
            Pretty.encode(if value.is_array() { &serde_json::Value::Null } else { value })
        }
        fn decode(&self, bytes: &[u8]) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
            Pretty.decode(bytes)
        }
    }
    let mut browser = Fixture::with(|builder| builder.codec(Lossy)).browser();
    browser.visit(|session| {
        session.set("text", "iris").unwrap();
        session.set("number", &1.5).unwrap();
        session.set("map", &BTreeMap::from([("a", 1)])).unwrap();
        assert_eq!(session.set("list", &[1]).unwrap_err().kind(), ErrorKind::Encode);
    });
    let session = browser.start();
    assert_eq!(session.get::<String>("text").unwrap().as_deref(), Some("iris"));
    assert_eq!(session.get::<f64>("number").unwrap(), Some(1.5));
    assert_eq!(session.get("map").unwrap(), Some(BTreeMap::from([("a".to_owned(), 1)])));
    assert_eq!(session.len(), 3);
}

#[test]
fn an_entry_of_another_type_has_its_cause() {
    let session = session();
    session.set("k", "sensitive").unwrap();
    let error = session.get::<Vec<u8>>("k").unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "the value does not match the requested type");
}

/// A list nested this deep.
#[derive(Debug)]
struct Nested(usize);

impl Serialize for Nested {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = (self.0 > 1).then(|| Self(self.0 - 1));
        serializer.collect_seq(inner)
    }
}

#[test]
fn values_nested_too_deep_are_refused() {
    for (depth, is_accepted) in [(1, true), (127, true), (128, false), (1000, false)] {
        let session = session();
        assert_eq!(session.set("k", &Nested(depth)).is_ok(), is_accepted, "{depth}");
        assert_eq!(session.get::<serde_json::Value>("k").unwrap().is_some(), is_accepted, "{depth}");
    }
}

#[test]
fn values_that_json_changes_are_refused() {
    #[derive(Serialize)]
    struct Flat {
        a: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("a secret"))
        }
    }
    let twice = Flat { a: 1, rest: BTreeMap::from([("a".to_owned(), 2)]) };
    let session = session();
    let refused = [
        ("not finite", session.set("k", &f64::NAN)),
        ("not finite", session.set("k", &[f32::INFINITY])),
        ("not finite", session.set("k", &BTreeMap::from([("k", f64::NEG_INFINITY)]))),
        ("read back as `None`", session.set("k", &Some(None::<u8>))),
        ("read back as `None`", session.set("k", &vec![Some(())])),
        ("the same key twice", session.set("k", &twice)),
        ("not a string, number", session.set("k", &BTreeMap::from([((1, 2), 3)]))),
        ("own `Serialize` failed", session.set("k", &Broken)),
        ("not finite", session.set_flash("k", &f64::NAN)),
        ("not finite", session.set_immutable("k", &f64::NAN)),
    ];
    for (reason, result) in refused {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains(reason) && !cause.contains("secret"), "{cause}");
    }
    let flat = Flat { a: 1, rest: BTreeMap::from([("b".to_owned(), 2)]) };
    session.set("k", &flat).unwrap();
    assert_eq!(session.len(), 1);
}

/// Returns a session whose entry and flash are strings, with its id.
fn deployed(fixture: &Fixture) -> (Session, Option<SessionId>) {
    let mut browser = fixture.browser();
    browser.visit(|session| {
        session.set("age", "forty").unwrap();
        session.set_flash("note", "hello").unwrap();
    });
    fixture.take_events();
    let session = browser.start();
    let id = session.id();
    (session, id)
}

#[test]
fn a_decode_error_names_key_and_type_not_the_value() {
    let fixture = Fixture::new();
    let (session, id) = deployed(&fixture);
    let errors = [
        ("age", session.get::<u32>("age").unwrap_err()),
        ("note", session.flash::<u32>("note").unwrap_err()),
        ("age", session.entries()["age"].get::<u32>().unwrap_err()),
        ("age", block_on(session.update("age", |age: Option<u32>| age.unwrap_or(1))).unwrap_err()),
        ("age", block_on(session.take::<u32>("age")).unwrap_err()),
    ];
    for (key, error) in errors {
        assert_eq!((error.kind(), error.key(), error.expected_type()), (ErrorKind::Decode, Some(key), Some("u32")));
        let shown = format!("{error} {error:?} {}", error.source().unwrap());
        assert!(shown.contains(key) && shown.contains("u32") && !shown.contains("forty"), "{shown}");
    }
    let undecodable = |event| match event {
        Event::Undecodable { id, key, expected, .. } => Some((id, key.to_string(), expected)),
        _ => None,
    };
    let events: Vec<_> = fixture.take_events().into_iter().filter_map(undecodable).collect();
    assert_eq!(events, ["age", "note", "age", "age"].map(|key| (id, key.to_owned(), "u32")));
}

/// Regression: `remove` followed by `?` was not saved, and `update` could not replace the entry, so
/// every request failed with a 500.
#[test]
fn get_or_discard_removes_an_unreadable_entry() {
    const AGE: Key<u32> = Key::new("age");
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let calls: [fn(&Session) -> Option<u32>; 2] =
        [|session| session.get_or_discard("age"), |session| AGE.get_or_discard(session)];
    for discard in calls {
        browser.set("age", "forty");
        assert_eq!(browser.visit(discard).result, None);
        assert!(!browser.visit(|session| session.contains("age")).result, "the removal is saved");
    }
    browser.visit(|session| session.set("age", &40).unwrap());
    assert_eq!(browser.visit(|session| AGE.get_or_discard(session)).result, Some(40));
}

#[test]
fn flash_or_discard_removes_an_unreadable_flash() {
    const AGE: Key<u32> = Key::new("age");
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    let calls: [fn(&Session) -> Option<u32>; 2] =
        [|session| session.flash_or_discard("age"), |session| AGE.flash_or_discard(session)];
    for discard in calls {
        browser.visit(|session| session.set_flash("age", "old").unwrap());
        assert_eq!(browser.visit(|session| session.flash::<u32>("age").unwrap_err().kind()).result, ErrorKind::Decode);
        assert_eq!(browser.visit(discard).result, None);
        assert!(!browser.visit(Session::has_flash).result);
    }
    browser.visit(|session| AGE.set_flash(session, &40).unwrap());
    assert_eq!(browser.visit(|session| AGE.flash_or_discard(session)).result, Some(40));
    assert!(!browser.visit(Session::has_flash).result);
}

#[test]
fn update_or_discard_replaces_an_unreadable_entry() {
    const AGE: Key<u32> = Key::new("age");
    let fixture = Fixture::new();
    let mut browser = fixture.browser();
    for is_saved in [true, false] {
        browser.set("age", "forty");
        let updated = browser.visit(|session| {
            if !is_saved {
                session.set("age", "fifty").unwrap();
            }
            block_on(AGE.update(session, |age| age.unwrap_or(1))).unwrap_err();
            block_on(AGE.update_or_discard(session, |age| age.map_or(1, |age| age + 1))).unwrap();
            block_on(AGE.update_or_discard(session, |age| age.map_or(1, |age| age + 1))).unwrap()
        });
        assert_eq!((updated.result, browser.visit(|session| AGE.get(session).unwrap()).result), (2, Some(2)));
    }
}
