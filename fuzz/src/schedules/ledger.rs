//! What the store did for whom, and the promises that follow.

use std::collections::{BTreeMap, BTreeSet};

use sessions_core::Session;
use sessions_core::adapter::Token;
use sessions_store::{Changes, Record, SecretHash, SessionId, Verb};

/// Keys of entries with tagged values. Numbers are added under [`NUMBER`].
pub(super) const KEYS: [&str; 3] = ["a", "b", "c"];
pub(super) const NUMBER: &str = "n";
pub(super) const FLASH: &str = "f";

/// The request that acts when no request does.
pub(super) const NOBODY: usize = usize::MAX;

/// All that happened, in the order in which the store did it.
#[derive(Default)]
pub(super) struct Ledger {
    /// The request whose future is being polled.
    pub(super) acting: usize,
    /// The number of calls that had an effect.
    pub(super) effects: u64,
    pub(super) sessions: BTreeMap<SessionId, Story>,
    /// Each secret that the store has got, by its hash.
    pub(super) secrets: BTreeMap<[u8; 32], Fate>,
    pub(super) deeds: BTreeMap<usize, Deeds>,
    /// Each tagged value, by its number.
    tags: Vec<Tag>,
    /// Sessions whose end was reported as a success, and the number of effects by then.
    ended: BTreeMap<SessionId, u64>,
    /// An answer was lost, so that a value may be there once more.
    pub(super) has_doubts: bool,
    /// Values that `take` has returned, with their session.
    taken: BTreeSet<(SessionId, usize)>,
}

/// A session. Each login or renewal begins a new generation of it.
#[derive(Default)]
pub(super) struct Story {
    generation: u32,
    /// The principals, with the generation in which they signed in.
    principals: Vec<(u32, Option<String>)>,
    /// The generation in which a tagged value was first stored.
    stored: BTreeMap<usize, u32>,
    /// The number under [`NUMBER`].
    pub(super) number: i64,
}

/// What became of a secret.
#[derive(Clone, Copy)]
pub(super) struct Fate {
    id: SessionId,
    generation: u32,
    /// The secrets of one session have rising ranks.
    rank: usize,
    /// The effect after which it opens nothing.
    pub(super) dead_since: Option<u64>,
}

/// What the store did for one request.
#[derive(Default)]
pub(super) struct Deeds {
    /// The sum of the increments.
    pub(super) added: i64,
    /// The sum of those whose answer was lost, which may be added once more.
    pub(super) doubtful: i64,
    /// The sum of the increments that the handler asked for.
    pub(super) called: i64,
    /// The request had a session, so the next one that it begins may have copies of its entries.
    pub(super) has_session: bool,
    /// The sums include copied numbers.
    pub(super) is_muddled: bool,
    /// An answer was lost, so that the request does not know what it has done.
    pub(super) has_doubts: bool,
    pub(super) last_effect: u64,
    pub(super) stored: BTreeMap<String, usize>,
    generations: BTreeMap<SessionId, u32>,
}

/// Who wrote a value, and for whom.
struct Tag {
    request: usize,
    principal: Option<String>,
}

impl Ledger {
    /// Makes a value that names the principal whom its writer shows.
    pub(super) fn tagged(&mut self, request: usize, session: &Session) -> (usize, String) {
        self.tags.push(Tag { request, principal: session.principal() });
        let number = self.tags.len() - 1;
        (number, format!("w{number}"))
    }

    fn deeds(&mut self) -> &mut Deeds {
        self.effects += 1;
        let deeds = self.deeds.entry(self.acting).or_default();
        deeds.last_effect = self.effects;
        deeds
    }

    /// Records a new session.
    pub(super) fn created(&mut self, record: &Record) {
        let id = record.id();
        assert!(!self.ended.contains_key(&id), "a session came back");
        let number = record.entry(NUMBER).map_or(0, |entry| integer(entry.value()));
        let deeds = self.deeds();
        deeds.added += number;
        deeds.is_muddled |= deeds.has_session;
        deeds.has_session = true;
        deeds.generations.insert(id, 0);
        let mut story = Story { number, ..Story::default() };
        story.principals.push((0, record.principal().map(str::to_owned)));
        for entry in record.entries() {
            if let Some(tag) = tag_of(entry.value()) {
                // A login that was overtaken copies the entries that others have written since.
                if self.tags[tag].request == self.acting {
                    let deeds = self.deeds.entry(self.acting).or_default();
                    deeds.stored.insert(entry.key().to_owned(), tag);
                }
                story.stored.insert(tag, 0);
            }
        }
        assert!(self.sessions.insert(id, story).is_none(), "an id was used twice");
        self.know(id, &record.secret_hash());
    }

    /// Records that changes were applied to a session.
    pub(super) fn committed(&mut self, changes: &Changes, record: &Record) {
        let id = record.id();
        assert!(!self.ended.contains_key(&id), "a session that had ended was changed");
        let effect = self.effects + 1;
        self.deeds();
        if let Some(secret) = changes.new_secret() {
            self.kill(id, effect, usize::MAX);
            let story = self.sessions.get_mut(&id).expect("every session was created");
            story.generation += 1;
            self.know(id, secret);
        } else if let Some(used) = self.secrets.get(changes.expected_secret().as_bytes()).copied() {
            // The first use of a secret that a rotation has sent ends those before it.
            self.kill(id, effect, used.rank);
        }
        if let Some((secret, _)) = changes.rotation()
            && record.newest_secret() == *secret
        {
            self.know(id, secret);
        }
        let deeds = self.deeds.entry(self.acting).or_default();
        let story = self.sessions.get_mut(&id).expect("every session was created");
        if changes.new_secret().is_some() {
            deeds.generations.insert(id, story.generation);
        }
        if let Some(principal) = changes.new_principal() {
            story.principals.push((story.generation, Some(principal.to_owned())));
        }
        if changes.clears_entries() {
            story.number = 0;
        }
        for change in changes.iter() {
            match change.verb {
                Verb::Increment => {
                    deeds.added += change.by;
                    story.number += change.by;
                }
                Verb::Set | Verb::Replace | Verb::SetImmutable | Verb::SetFlash => {
                    let tag = tag_of(change.value).unwrap_or_else(|| panic!("a number was set: {change:?}"));
                    deeds.stored.insert(change.key().to_owned(), tag);
                    story.stored.entry(tag).or_insert(story.generation);
                }
                _ => {}
            }
        }
    }

    /// Records that an answer was lost, so that its request may add this much once more.
    pub(super) fn lost_answer(&mut self, added: i64) {
        self.has_doubts = true;
        let deeds = self.deeds.entry(self.acting).or_default();
        deeds.has_doubts = true;
        deeds.doubtful += added;
    }

    /// Records that a session ended, or several.
    pub(super) fn destroyed(&mut self) {
        self.deeds();
    }

    /// Records that the end of sessions was reported as a success.
    pub(super) fn end(&mut self, ids: &[SessionId]) {
        let effects = self.effects;
        ids.iter().for_each(|id| _ = self.ended.entry(*id).or_insert(effects));
    }

    /// Returns whether the end of a session was reported when the store had done so many effects.
    pub(super) fn has_ended(&self, id: SessionId, effects: u64) -> bool {
        self.ended.get(&id).is_some_and(|since| *since <= effects)
    }

    fn know(&mut self, id: SessionId, secret: &SecretHash) {
        let generation = self.sessions[&id].generation;
        let fate = Fate { id, generation, rank: self.secrets.len(), dead_since: None };
        self.secrets.insert(*secret.as_bytes(), fate);
    }

    /// Ends the secrets of a session below a rank.
    fn kill(&mut self, id: SessionId, effect: u64, rank: usize) {
        for fate in self.secrets.values_mut().filter(|fate| fate.id == id && fate.rank < rank) {
            fate.dead_since.get_or_insert(effect);
        }
    }

    pub(super) fn fate_of(&self, token: &Token) -> Option<Fate> {
        self.secrets.get(token.secret().hash(token.id()).as_bytes()).copied()
    }

    /// Records that a logout told the client that its token opens nothing any more.
    pub(super) fn bury(&mut self, token: &Token) {
        let now = self.effects;
        if let Some(fate) = self.secrets.get_mut(token.secret().hash(token.id()).as_bytes()) {
            fate.dead_since.get_or_insert(now);
        }
    }

    /// Returns whether a token was replaced, or its session ended, by the time of an effect.
    pub(super) fn is_dead(&self, token: &Token, effect: u64) -> bool {
        self.fate_of(token).is_none_or(|fate| fate.dead_since.is_some_and(|since| since <= effect))
    }

    /// Records that one request took a value, which no other may then get from the same session.
    pub(super) fn took(&mut self, id: SessionId, value: &str) {
        let tag = tag_of(value.as_bytes()).expect("only tagged values are taken");
        assert!(self.taken.insert((id, tag)), "{value} was taken twice");
    }

    /// Returns the generations of a session that a request has loaded or made.
    fn generations(&self, request: usize, token: Option<&Token>, id: SessionId) -> impl Iterator<Item = u32> + use<> {
        let made = self.deeds.get(&request).and_then(|deeds| deeds.generations.get(&id)).copied();
        let carried = token.and_then(|token| self.fate_of(token)).filter(|fate| fate.id == id);
        carried.map(|fate| fate.generation).into_iter().chain(made)
    }

    /// Returns whether a request may show a principal in a session without having signed in.
    pub(super) fn may_show(&self, request: usize, token: Option<&Token>, id: SessionId, principal: &str) -> bool {
        let Some(story) = self.sessions.get(&id) else { return false };
        self.generations(request, token, id).any(|generation| {
            let shown = story.principals.iter().rev().find(|(since, _)| *since <= generation);
            shown.is_some_and(|(_, shown)| shown.as_deref() == Some(principal))
        })
    }

    /// Checks that a request may see a value: it was written for the principal that the request
    /// shows (decision 29, `Session::login`), and not after its token had been replaced.
    pub(super) fn check_seen(&self, request: usize, token: Option<&Token>, session: &Session, value: &str) {
        let number = tag_of(value.as_bytes()).expect("every value is tagged");
        let Tag { request: writer, principal } = &self.tags[number];
        let shown = session.principal();
        assert!(
            principal.is_none() || *principal == shown,
            "request {request} shows {shown:?} and {value}, which {writer} wrote for {principal:?}"
        );
        let Some(id) = session.id() else { return };
        if *writer == request {
            return;
        }
        let Some(since) = self.sessions[&id].stored.get(&number) else { return };
        let generation = self.generations(request, token, id).max();
        assert!(
            generation.is_some_and(|generation| *since <= generation),
            "request {request} of generation {generation:?} sees {value} of generation {since}"
        );
    }
}

/// Returns the number of a tagged value, as text or encoded.
fn tag_of(value: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(value).ok()?.trim_matches('"');
    text.strip_prefix('w')?.parse().ok()
}

/// Returns how much changes add.
pub(super) fn sum_of(changes: &Changes) -> i64 {
    changes.iter().filter(|change| change.verb == Verb::Increment).map(|change| change.by).sum()
}

pub(super) fn integer(value: &[u8]) -> i64 {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).expect("only numbers are added")
}
