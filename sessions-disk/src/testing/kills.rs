//! Processes killed while they write.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pollster::block_on;
use sessions_store::{Record, SessionId, Store};

use super::child;
use super::sample::{NOW, Rng, folder};
use crate::engine::Engine;
use crate::store::DiskStore;

/// The variable with the store's path, set for a child process.
pub(super) const CHILD: &str = "SESSIONS_KILLS_STORE";
/// The variable with the number of kills, 40 if it is not set.
const ROUNDS: &str = "SESSIONS_KILLS";

/// Checks that everything acknowledged survives `kill -9` at any moment.
///
/// The test runs its own program again as a child process. The child writes from several threads,
/// and reports what it is about to do and what was acknowledged, until it is killed at a random
/// moment. Then each acknowledged write and destroy must have taken effect, nothing only in part,
/// and nothing that was never begun.
///
/// `test` is the full name of the calling test, with its modules. The environment variable
/// `SESSIONS_KILLS` sets the number of kills.
///
/// # Panics
///
/// Panics if something acknowledged is lost, or the files cannot be opened.
pub fn survives_kills<E: Engine>(test: &str) {
    store_survives_kills(test, |path| DiskStore::<E>::open(path).expect("the store is opened"));
}

/// Checks the same of a store with files that is no [`DiskStore`].
///
/// `open` opens it, and creates it if there is none.
///
/// # Panics
///
/// Panics if something acknowledged is lost.
pub fn store_survives_kills<S: Store + Clone>(test: &str, open: impl Fn(&Path) -> S) {
    if let Some(path) = env::var_os(CHILD) {
        child::write_until_killed(&open(Path::new(&path)));
    }
    let rounds = env::var(ROUNDS).map_or(40, |rounds| rounds.parse().expect("a number of rounds"));
    let folder = folder();
    let path = folder.path().join("store");
    let mut rng = Rng::new();
    let mut oracle = Oracle::default();
    for round in 0..rounds {
        let child = spawn(test, &path, round);
        oracle.listen(child, 1 + rng.below(400));
        oracle.verify(&open(&path));
    }
    eprintln!("{} acknowledgements over {rounds} kills, none lost", oracle.acknowledgements);
}

fn spawn(test: &str, path: &Path, round: u32) -> Child {
    Command::new(env::current_exe().expect("a process knows its program"))
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, path)
        .env(child::ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be run")
}

/// A child's reports on one session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Reported {
    acknowledged: Option<State>,
    begun: Option<State>,
}

/// A session's state.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Written(u64),
    Destroyed,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Oracle {
    reports: HashMap<SessionId, Reported>,
    acknowledgements: usize,
}

impl Oracle {
    /// Reads a child's reports, and kills it after a number of acknowledgements.
    fn listen(&mut self, mut child: Child, until: usize) {
        let output = child.stdout.take().expect("it is piped");
        let mut heard = 0;
        for line in BufReader::new(output).lines() {
            let line = line.expect("a pipe can be read");
            heard += usize::from(self.hear(&line));
            if heard == until {
                child.kill().expect("a child can be killed");
            }
        }
        let status = child.wait().expect("a child can be waited for");
        assert!(heard >= until, "the child ended by itself, with {status}");
        self.acknowledgements += heard;
    }

    /// Records a line of a child, and returns whether it was an acknowledgement.
    pub(super) fn hear(&mut self, line: &str) -> bool {
        // The harness may print before the report, and a last line that was cut off lacks the mark
        // at its end.
        let words = line.split_once('@').and_then(|(_, words)| words.strip_suffix('.'));
        words.is_some_and(|words| self.record(words))
    }

    /// Records a report, and returns whether it was an acknowledgement.
    fn record(&mut self, words: &str) -> bool {
        let mut words = words.split(' ');
        let mut word = || words.next().expect("a line has three words");
        let (what, id, state) = (word(), word(), word());
        let reports = self.reports.entry(id.parse().expect("an id")).or_default();
        let state = match state {
            "destroyed" => State::Destroyed,
            number => State::Written(number.parse().expect("a number")),
        };
        match what {
            "begins" => reports.begun = Some(state),
            _ => *reports = Reported { acknowledged: Some(state), begun: None },
        }
        what == "acknowledged"
    }

    /// Compares the store with the reports.
    pub(super) fn verify(&mut self, store: &impl Store) {
        let mut alive = 0;
        for (id, reports) in &mut self.reports {
            let record = block_on(store.load(*id, NOW)).expect("a session is read after a kill");
            let found = record.as_ref().map(child::number);
            let found = found.map_or(State::Destroyed, State::Written);
            let expected = reports.acknowledged.unwrap_or(State::Destroyed);
            assert!(found == expected || Some(found) == reports.begun, "{id} is {found:?} and was {reports:?}");
            *reports = Reported { acknowledged: Some(found), begun: None };
            alive += u64::from(record.is_some());
        }
        verify_indexes(store, alive);
    }
}

/// Checks that the count, the listing and the index of principals agree with the records.
fn verify_indexes(store: &impl Store, alive: u64) {
    assert_eq!(block_on(store.count()).expect("the count is read"), alive);
    let mut listed = Vec::new();
    let mut cursor = None;
    loop {
        let page = block_on(store.scan(cursor, 100, NOW)).expect("a page is read");
        listed.extend(page.records);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        assert!(listed.len() as u64 <= alive, "the listing has no end");
    }
    assert_eq!(listed.len() as u64, alive);
    for thread in 0..child::THREADS {
        let principal = child::principal(thread);
        let of_principal = block_on(store.of_principal(&principal, NOW)).expect("the index is read");
        let is_theirs = |record: &&Record| record.principal() == Some(&*principal);
        assert_eq!(of_principal.len(), listed.iter().filter(is_theirs).count());
    }
}
