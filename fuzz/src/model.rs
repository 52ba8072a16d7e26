//! A model of a session as plain maps, and the meaning of changes in the simplest terms.

use std::collections::BTreeMap;
use std::time::Duration;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sessions_store::{Change, Changes, Lifetime, Record, Refusal, SecretHash, SessionId, Timestamp, Verb};

use crate::NOW;

const SECRET: [u8; 32] = [1; 32];
const WRONG_SECRET: [u8; 32] = [2; 32];
const NEXT_SECRET: [u8; 32] = [3; 32];

/// Contents of a new record.
#[derive(Arbitrary, Debug)]
pub struct Draft<'a> {
    idle_millis: Option<u32>,
    life_millis: Option<u32>,
    principal: Option<&'a str>,
    entries: BTreeMap<Key<'a>, (bool, Value<'a>)>,
    flashes: BTreeMap<Key<'a>, Value<'a>>,
}

/// Keys, most of which several actions share.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key<'a> {
    A,
    B,
    Any(&'a str),
}

/// Values, several of which are numbers.
#[derive(Arbitrary, Clone, Debug)]
pub enum Value<'a> {
    Number(i64),
    Any(&'a [u8]),
}

/// A call that adds to the changes of a request.
#[derive(Arbitrary, Debug)]
pub enum Action<'a> {
    Set(Key<'a>, Value<'a>),
    SetImmutable(Key<'a>, Value<'a>),
    Remove(Key<'a>),
    Increment(Key<'a>, i64),
    SetFlash(Key<'a>, Value<'a>),
    RemoveFlash(Key<'a>),
    ConsumeFlash(Key<'a>, Value<'a>),
    Require(Key<'a>, Option<Value<'a>>),
    ClearEntries,
    ClearFlashes,
    Renew,
    /// A rotation that leaves alone what has begun less than so many milliseconds ago.
    Rotate(u16),
    Bind(&'a str),
    Confirm,
    Live {
        idle: u32,
        persists: bool,
    },
}

/// The secret that a request shows.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Shown {
    Own,
    Next,
    Former,
    Wrong,
}

impl Draft<'_> {
    /// Builds the record.
    pub fn build(&self) -> Result<Record, Refusal> {
        // Ordered by their text: a key has one slot, whatever its variant.
        let entries: BTreeMap<_, _> =
            self.entries.iter().map(|(key, (kept, value))| (key.text(), (*kept, value.bytes()))).collect();
        let flashes: BTreeMap<_, _> = self.flashes.iter().map(|(key, value)| (key.text(), value.bytes())).collect();
        let millis = |millis: u32| Duration::from_millis(millis.into());
        let mut draft = Record::builder(SessionId::from_bytes([7; 16]), SecretHash::from_bytes(SECRET), NOW)
            .idle(self.idle_millis.map(millis))
            .principal(self.principal);
        if let Some(life) = self.life_millis {
            draft = draft.absolute_deadline(NOW.after(millis(life)));
        }
        for (key, (is_immutable, value)) in &entries {
            draft = if *is_immutable { draft.immutable(key, value) } else { draft.entry(key, value) };
        }
        for (key, value) in &flashes {
            draft = draft.flash(key, value);
        }
        draft.build()
    }
}

impl<'a> Key<'a> {
    fn text(&self) -> &'a str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::Any(text) => text,
        }
    }
}

impl Value<'_> {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => number.to_string().into_bytes(),
            Self::Any(bytes) => bytes.to_vec(),
        }
    }
}

impl Action<'_> {
    /// Adds the action to the changes.
    pub fn write_to(&self, changes: Changes) -> Changes {
        match self {
            Self::Set(key, value) => changes.set(key.text(), &value.bytes()),
            Self::SetImmutable(key, value) => changes.set_immutable(key.text(), &value.bytes()),
            Self::Remove(key) => changes.remove(key.text()),
            Self::Increment(key, by) => changes.increment(key.text(), *by),
            Self::SetFlash(key, value) => changes.set_flash(key.text(), &value.bytes()),
            Self::RemoveFlash(key) => changes.remove_flash(key.text()),
            Self::ConsumeFlash(key, seen) => changes.consume_flash(key.text(), &seen.bytes()),
            Self::Require(key, None) => changes.require(key.text(), None),
            Self::Require(key, Some(value)) => changes.require(key.text(), Some(&value.bytes())),
            Self::ClearEntries => changes.clear_entries(),
            Self::ClearFlashes => changes.clear_flashes(),
            Self::Renew => changes.renew(SecretHash::from_bytes(SECRET)),
            Self::Rotate(millis) => {
                let since = changes.now().as_millis().saturating_sub((*millis).into());
                changes.rotate(SecretHash::from_bytes(NEXT_SECRET), Timestamp::from_millis(since))
            }
            Self::Bind(principal) => changes.bind(*principal),
            Self::Confirm => changes.confirm(),
            Self::Live { idle, persists } => {
                let idle = Duration::from_millis((*idle).into());
                changes.lifetime(Lifetime::ENDLESS.with_idle(idle).with_persistent_cookie(*persists))
            }
        }
    }
}

/// A record as plain maps.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    secret: [u8; 32],
    /// The secret before, as far as the changes that were applied here tell, and whether a rotation
    /// replaced it.
    former: Option<([u8; 32], bool)>,
    /// The secret that a rotation has sent, and when.
    successor: Option<([u8; 32], u64)>,
    last_seen: u64,
    idle: Option<Duration>,
    deadline: u64,
    persists: bool,
    signed_in_at: Option<u64>,
    version: u32,
    principal: Option<String>,
    /// Values, and whether they are immutable.
    entries: BTreeMap<String, (Vec<u8>, bool)>,
    flashes: BTreeMap<String, Vec<u8>>,
}

impl Model {
    /// Returns the model of a record.
    pub fn of(record: &Record) -> Self {
        let entries = record.entries();
        let flashes = record.flashes();
        Self {
            secret: *record.secret_hash().as_bytes(),
            former: None,
            successor: None,
            last_seen: record.last_seen().as_millis(),
            idle: record.lifetime().idle(),
            deadline: record.lifetime().absolute_deadline().as_millis(),
            persists: record.lifetime().cookie_persists(),
            signed_in_at: record.signed_in_at().map(Timestamp::as_millis),
            version: record.version(),
            principal: record.principal().map(str::to_owned),
            entries: entries.map(|e| (e.key().to_owned(), (e.value().to_vec(), e.is_immutable()))).collect(),
            flashes: flashes.map(|(key, value)| (key.to_owned(), value.to_vec())).collect(),
        }
    }

    /// Returns the model as its record shows it, without the other secrets.
    pub fn shown(&self) -> Self {
        Self { former: None, successor: None, ..self.clone() }
    }

    /// Starts the changes of a request.
    pub fn request(&self, millis_later: u16, shown: Shown) -> Changes {
        let now = Timestamp::from_millis(self.last_seen.saturating_add(millis_later.into()));
        let secret = match shown {
            Shown::Own => self.secret,
            Shown::Next => self.successor.map_or(NEXT_SECRET, |(secret, _)| secret),
            Shown::Former => self.former.map_or(WRONG_SECRET, |(secret, _)| secret),
            Shown::Wrong => WRONG_SECRET,
        };
        Changes::new(now, SecretHash::from_bytes(secret))
    }

    /// Applies changes, or returns why they must be refused.
    pub fn apply(&mut self, changes: &Changes) -> Result<(), Refusal> {
        let now = changes.now().as_millis();
        let idle_deadline = self.idle.map_or(u64::MAX, |idle| self.last_seen.saturating_add(idle.as_millis() as u64));
        if now >= idle_deadline.min(self.deadline) || !self.admits(changes) {
            return Err(Refusal::Gone);
        }
        let mut next = self.after_edits(changes).ok_or(Refusal::Conflict)?;
        next.last_seen = next.last_seen.max(now);
        next.version += 1;
        next.replace_secret(changes);
        if changes.confirms() && (changes.new_principal().is_some() || next.principal.is_some()) {
            next.signed_in_at = Some(now);
        }
        if let Some(principal) = changes.new_principal() {
            next.principal = Some(principal.to_owned());
        }
        if let Some(lifetime) = changes.new_lifetime() {
            (next.idle, next.deadline) = (lifetime.idle(), lifetime.absolute_deadline().as_millis());
            next.persists = lifetime.cookie_persists();
        }
        *self = next;
        Ok(())
    }

    /// Renews the secret, begins a rotation or ends one.
    fn replace_secret(&mut self, changes: &Changes) {
        let (now, expected) = (changes.now().as_millis(), *changes.expected_secret().as_bytes());
        let is_own = expected == self.secret;
        let is_first_use = !is_own && self.successor.is_some_and(|(secret, _)| secret == expected);
        if let Some(secret) = changes.new_secret() {
            (self.former, self.successor) = (Some((expected, false)), None);
            self.secret = *secret.as_bytes();
        } else if is_first_use {
            (self.former, self.successor) = (Some((self.secret, true)), None);
            self.secret = expected;
        } else if let Some((secret, unless_since)) = changes.rotation()
            && is_own
            && self.successor.is_none_or(|(_, since)| since <= unless_since.as_millis())
        {
            self.successor = Some((*secret.as_bytes(), now));
        }
    }

    /// Returns whether the secret fits: its own, or the one that a rotation has sent. The former
    /// one fits too, if a rotation replaced it and the changes sign nobody in, or if they only
    /// consume flashes.
    fn admits(&self, changes: &Changes) -> bool {
        let sets_head = changes.changes_head();
        let clears = changes.clears_entries() || changes.clears_flashes();
        let mut all = changes.iter().peekable();
        let consumes = all.peek().is_some() && all.all(|change| change.verb == Verb::ConsumeFlash);
        let expected = changes.expected_secret().as_bytes();
        let is_former = self.former.is_some_and(|(secret, _)| secret == *expected);
        let is_rotated = is_former && self.former.is_some_and(|(_, by_rotation)| by_rotation);
        let renews = changes.new_secret().is_some() || changes.new_principal().is_some();
        *expected == self.secret
            || self.successor.is_some_and(|(secret, _)| secret == *expected)
            || (is_rotated && !renews)
            || (is_former && !sets_head && !clears && consumes)
    }

    fn after_edits(&self, changes: &Changes) -> Option<Self> {
        let mut next = self.clone();
        for change in changes.iter() {
            let old = self.entries.get(change.key()).map(|(value, _)| &value[..]);
            let holds = match change.verb {
                Verb::Require => old == Some(change.value),
                Verb::RequireAbsent => old.is_none(),
                _ => true,
            };
            if !holds {
                return None;
            }
        }
        if changes.clears_entries() {
            next.entries.clear();
        }
        if changes.clears_flashes() {
            next.flashes.clear();
        }
        changes.iter().try_for_each(|change| next.edit(change))?;
        Some(next)
    }

    /// Applies one edit, or returns `None` if it conflicts with the current value.
    fn edit(&mut self, change: Change<'_>) -> Option<()> {
        let (key, value) = (change.key(), change.value);
        match change.verb {
            Verb::Set => self.put(key, value.to_vec(), false)?,
            Verb::Replace => drop(self.entries.insert(key.to_owned(), (value.to_vec(), false))),
            Verb::SetImmutable => drop(self.entries.insert(key.to_owned(), (value.to_vec(), true))),
            Verb::Remove => drop(self.entries.remove(key)),
            Verb::Increment => {
                let old = self.entries.get(key).map_or(Some(0), |(value, _)| integer(value))?;
                self.put(key, old.checked_add(change.by)?.to_string().into_bytes(), false)?;
            }
            Verb::SetFlash => drop(self.flashes.insert(key.to_owned(), value.to_vec())),
            Verb::RemoveFlash | Verb::SpendFlash => drop(self.flashes.remove(key)),
            Verb::ConsumeFlash => self.flashes.retain(|own, stored| own != key || stored != value),
            _ => {}
        }
        Some(())
    }

    fn put(&mut self, key: &str, value: Vec<u8>, is_immutable: bool) -> Option<()> {
        if self.entries.get(key).is_some_and(|(_, is_immutable)| *is_immutable) {
            return None;
        }
        self.entries.insert(key.to_owned(), (value, is_immutable));
        Some(())
    }
}

/// Parses an integer in the form in which Rust prints it.
fn integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}
