//! The steps of a sequence, and how proptest makes them.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use sessions_store::{Changes, Lifetime, SecretHash};

use crate::fixtures::{BRIEF, NEW_SECRET, SECRET, WRONG_SECRET};

/// Number of ids in a sequence.
pub(super) const SESSIONS: usize = 3;
/// Maximum number of steps in a sequence.
pub(super) const LONGEST: usize = 40;
pub(super) const PRINCIPALS: [&str; 2] = ["ada", "*"];

const KEYS: [&str; 6] = ["a", "b", "", "a*", "\0", "\u{e9}"];
const VALUES: [&[u8]; 8] = [b"0", b"1", b"-41", b"9223372036854775807", b"", b"text", b"\xff\0", b"1.0"];
const SUMMANDS: [i64; 6] = [1, 0, -1, 42, i64::MAX, i64::MIN];

/// A call of the store, or a change of the time.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create {
        session: usize,
        brief: bool,
        principal: Option<&'static str>,
        slots: BTreeMap<&'static str, (Kind, &'static [u8])>,
    },
    Commit {
        session: usize,
        opening: Opening,
        late_by: u64,
        edits: Vec<Edit>,
    },
    Load {
        session: usize,
    },
    Destroy {
        session: usize,
    },
    DestroyOfPrincipal {
        principal: &'static str,
        except: Option<usize>,
    },
    OfPrincipal(&'static str),
    List {
        limit: usize,
    },
    Sweep {
        limit: usize,
    },
    Advance(Duration),
}

/// The kind of a slot in a new record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Entry,
    Immutable,
    Flash,
}

/// The secret of a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opening {
    /// The session's current secret.
    Right,
    /// The session's first secret, which a renewal replaces.
    First,
    Wrong,
}

/// A call on [`Changes`].
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Set(&'static str, &'static [u8]),
    SetImmutable(&'static str, &'static [u8]),
    Remove(&'static str),
    Increment(&'static str, i64),
    SetFlash(&'static str, &'static [u8]),
    RemoveFlash(&'static str),
    ConsumeFlash(&'static str, &'static [u8]),
    Require(&'static str, Option<&'static [u8]>),
    ClearEntries,
    ClearFlashes,
    Renew,
    Bind(&'static str),
    Idle(Duration),
}

impl Opening {
    pub(super) fn secret(self, right: Option<SecretHash>) -> SecretHash {
        match self {
            Self::Right => right.unwrap_or(SECRET),
            Self::First => SECRET,
            Self::Wrong => WRONG_SECRET,
        }
    }
}

impl Edit {
    pub(super) fn write_to(&self, changes: Changes) -> Changes {
        match *self {
            Self::Set(key, value) => changes.set(key, value),
            Self::SetImmutable(key, value) => changes.set_immutable(key, value),
            Self::Remove(key) => changes.remove(key),
            Self::Increment(key, by) => changes.increment(key, by),
            Self::SetFlash(key, value) => changes.set_flash(key, value),
            Self::RemoveFlash(key) => changes.remove_flash(key),
            Self::ConsumeFlash(key, seen) => changes.consume_flash(key, seen),
            Self::Require(key, value) => changes.require(key, value),
            Self::ClearEntries => changes.clear_entries(),
            Self::ClearFlashes => changes.clear_flashes(),
            Self::Renew => changes.renew(NEW_SECRET),
            Self::Bind(principal) => changes.bind(principal),
            Self::Idle(idle) => changes.lifetime(Lifetime::ENDLESS.with_idle(idle)),
        }
    }
}

/// Returns the strategy for sequences of steps.
pub(super) fn sequence() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..=LONGEST)
}

fn step() -> impl Strategy<Value = Step> {
    let session = || 0..SESSIONS;
    let principal = || select(&PRINCIPALS[..]);
    prop_oneof![
        5 => (session(), any::<bool>(), option::weighted(0.6, principal()), btree_map(key(), (kind(), value()), 0..4))
            .prop_map(|(session, brief, principal, slots)| Step::Create { session, brief, principal, slots }),
        12 => (session(), opening(), 0..3_u64, vec(edit(), 0..4))
            .prop_map(|(session, opening, late_by, edits)| Step::Commit { session, opening, late_by, edits }),
        1 => session().prop_map(|session| Step::Load { session }),
        1 => session().prop_map(|session| Step::Destroy { session }),
        2 => (principal(), option::weighted(0.7, session()))
            .prop_map(|(principal, except)| Step::DestroyOfPrincipal { principal, except }),
        1 => principal().prop_map(Step::OfPrincipal),
        1 => (1..4_usize).prop_map(|limit| Step::List { limit }),
        2 => (0..3_usize).prop_map(|limit| Step::Sweep { limit }),
        2 => prop_oneof![Just(Duration::from_millis(1)), Just(BRIEF / 2), Just(BRIEF)].prop_map(Step::Advance),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        5 => (key(), value()).prop_map(|(key, value)| Edit::Set(key, value)),
        1 => (key(), value()).prop_map(|(key, value)| Edit::SetImmutable(key, value)),
        2 => key().prop_map(Edit::Remove),
        3 => (key(), select(&SUMMANDS[..])).prop_map(|(key, by)| Edit::Increment(key, by)),
        3 => (key(), value()).prop_map(|(key, value)| Edit::SetFlash(key, value)),
        1 => key().prop_map(Edit::RemoveFlash),
        2 => (key(), value()).prop_map(|(key, seen)| Edit::ConsumeFlash(key, seen)),
        2 => (key(), option::of(value())).prop_map(|(key, value)| Edit::Require(key, value)),
        1 => Just(Edit::ClearEntries),
        1 => Just(Edit::ClearFlashes),
        1 => Just(Edit::Renew),
        1 => select(&PRINCIPALS[..]).prop_map(Edit::Bind),
        1 => (0..1000_u64).prop_map(|millis| Edit::Idle(BRIEF + Duration::from_millis(millis))),
    ]
}

fn key() -> impl Strategy<Value = &'static str> {
    select(&KEYS[..])
}

fn value() -> impl Strategy<Value = &'static [u8]> {
    select(&VALUES[..])
}

fn kind() -> impl Strategy<Value = Kind> {
    select(&[Kind::Entry, Kind::Immutable, Kind::Flash][..])
}

fn opening() -> impl Strategy<Value = Opening> {
    prop_oneof![12 => Just(Opening::Right), 1 => Just(Opening::First), 1 => Just(Opening::Wrong)]
}
