//! Processes that are killed while they write.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pollster::block_on;
use sessions_core::{Record, SessionId, Store};

use super::child;
use super::sample::{NOW, Rng, folder};
use crate::engine::Engine;
use crate::store::DiskStore;

/// Tells a child process where the store is.
const CHILD: &str = "SESSIONS_KILLS_STORE";
/// Says how often to kill, 40 times if it is not set.
const ROUNDS: &str = "SESSIONS_KILLS";

/// Checks that what was acknowledged survives `kill -9` at any moment.
///
/// The test runs its own program again as a child process, which writes from several threads, tells
/// what it is about to do, and then what was acknowledged. The child is killed at a random moment.
/// Then everything that it told is looked for: each acknowledged write and destroy must be there,
/// nothing may be there by halves, and nothing that was not at least begun.
///
/// `test` is the full name of the test that calls this, with its modules. `SESSIONS_KILLS` in the
/// environment says how often to kill.
///
/// # Panics
///
/// Panics if something acknowledged is lost, or the files cannot be opened.
pub fn survives_kills<E: Engine>(test: &str) {
    if let Some(path) = env::var_os(CHILD) {
        child::write_until_killed::<E>(Path::new(&path));
    }
    let rounds = env::var(ROUNDS).map_or(40, |rounds| rounds.parse().expect("a number of rounds"));
    let folder = folder();
    let path = folder.path().join("store");
    let mut rng = Rng::new();
    let mut oracle = Oracle::default();
    for round in 0..rounds {
        let child = spawn(test, &path, round);
        oracle.listen(child, 1 + rng.below(400));
        oracle.verify::<E>(&path);
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

/// Is what a child has told of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Reported {
    acknowledged: Option<State>,
    begun: Option<State>,
}

/// Is a state of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Written(u64),
    Destroyed,
}

#[derive(Default)]
struct Oracle {
    told: HashMap<SessionId, Reported>,
    acknowledgements: usize,
}

impl Oracle {
    /// Listens to a child, and kills it after a number of acknowledgements. What it had said by
    /// then counts.
    fn listen(&mut self, mut child: Child, until: usize) {
        let output = child.stdout.take().expect("it is piped");
        let mut heard = 0;
        for line in BufReader::new(output).lines() {
            let line = line.expect("a pipe can be read");
            // The test's own words may stand before it, and the last line may have been cut off:
            // then it lacks the mark at its end.
            if let Some(words) = line.split_once('@').and_then(|(_, words)| words.strip_suffix('.')) {
                heard += usize::from(self.note(words));
            }
            if heard == until {
                child.kill().expect("a child can be killed");
            }
        }
        let status = child.wait().expect("a child can be waited for");
        assert!(heard >= until, "the child ended by itself, with {status}");
        self.acknowledgements += heard;
    }

    /// Notes what a line says, and returns whether it was an acknowledgement.
    fn note(&mut self, words: &str) -> bool {
        let mut words = words.split(' ');
        let mut word = || words.next().expect("a line has three words");
        let (what, id, state) = (word(), word(), word());
        let told = self.told.entry(id.parse().expect("an id")).or_default();
        let state = match state {
            "destroyed" => State::Destroyed,
            number => State::Written(number.parse().expect("a number")),
        };
        match what {
            "begins" => told.begun = Some(state),
            _ => *told = Reported { acknowledged: Some(state), begun: None },
        }
        what == "acknowledged"
    }

    fn verify<E: Engine>(&mut self, path: &Path) {
        let store = DiskStore::<E>::open(path).expect("the store is opened after a kill");
        let mut alive = 0;
        for (id, told) in &mut self.told {
            let record = block_on(store.load(*id, NOW)).expect("a session is read after a kill");
            let found = record.as_ref().map(child::number);
            let found = found.map_or(State::Destroyed, State::Written);
            let expected = told.acknowledged.unwrap_or(State::Destroyed);
            assert!(found == expected || Some(found) == told.begun, "{id} is {found:?} and was {told:?}");
            *told = Reported { acknowledged: Some(found), begun: None };
            alive += u64::from(record.is_some());
        }
        verify_indexes(&store, alive);
        store.close().expect("the store is closed");
    }
}

/// Checks that the count, the listing and the index of principals say the same as the records.
fn verify_indexes<E: Engine>(store: &DiskStore<E>, alive: u64) {
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
    }
    assert_eq!(listed.len() as u64, alive);
    for thread in 0..child::THREADS {
        let principal = child::principal(thread);
        let of_principal = block_on(store.of_principal(&principal, NOW)).expect("the index is read");
        let is_theirs = |record: &&Record| record.principal() == Some(&*principal);
        assert_eq!(of_principal.len(), listed.iter().filter(is_theirs).count());
    }
}
