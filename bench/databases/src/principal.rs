//! A principal with very many sessions, in a store behind a network.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sessions_core::Sessions;
use sessions_store::{Created, Record, SecretHash, SessionId, Timestamp};

use crate::ours::{Store, open};

const PRINCIPAL: &str = "ann";
/// Another principal, whose sessions must survive.
const OTHER: &str = "bob";
const SESSIONS_OF_OTHER: u64 = 1000;
const AT_A_TIME: u64 = 512;
/// Number of sessions that a login beyond the limit ends.
const BEYOND: u64 = 10;

/// Runs one operation on the principal's `count` sessions, and checks the result.
///
/// Prints its duration in seconds, and the maximum resident memory of this process in MiB.
pub(crate) async fn run(what: &str, url: &str, count: u64) {
    let store = open(url).await;
    let begin = Instant::now();
    match what {
        "fill" => fill(&store, count).await,
        "login" => login(&store, count + 1).await,
        "login-beyond" => login(&store, count + 1 - BEYOND).await,
        "list" => assert_eq!(count_listed(&store).await, count),
        "destroy-others" => {
            let ended = sessions(&store, None).destroy_others(PRINCIPAL, id(PRINCIPAL, count - 1)).await;
            assert_eq!(ended.expect("the store ends them"), count - 1);
        }
        "destroy-principal" => {
            let ended = sessions(&store, None).destroy_principal(PRINCIPAL).await;
            assert_eq!(ended.expect("the store ends them"), count);
        }
        _ => panic!("{what}?"),
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{seconds:.4} {}", most_resident_mebibytes());
    check(&store, what, count).await;
}

/// Checks the number of the principal's sessions, and that the other principal still has all.
async fn check(store: &Store, what: &str, count: u64) {
    let left = match what {
        "destroy-others" => Some(1),
        "destroy-principal" => Some(0),
        "login-beyond" => Some(count + 1 - BEYOND),
        _ => None,
    };
    if let Some(left) = left {
        assert_eq!(count_listed(store).await, left);
    }
    let others = sessions(store, None).sessions_of(OTHER).await.expect("the store lists them");
    assert_eq!(others.len() as u64, SESSIONS_OF_OTHER);
}

async fn count_listed(store: &Store) -> u64 {
    sessions(store, None).sessions_of(PRINCIPAL).await.expect("the store lists them").len() as u64
}

/// Creates the sessions of both principals.
async fn fill(store: &Store, count: u64) {
    let create = |first: u64| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for number in (first..count).step_by(AT_A_TIME as usize) {
                create(&store, PRINCIPAL, number).await;
            }
        })
    };
    for task in (0..AT_A_TIME).map(create).collect::<Vec<_>>() {
        task.await.expect("a client does not panic");
    }
    for number in 0..SESSIONS_OF_OTHER {
        create_if_missing(store, OTHER, number).await;
    }
}

async fn create(store: &Store, principal: &str, number: u64) {
    let created = create_if_missing(store, principal, number).await;
    assert!(matches!(created, Created::Stored { .. }), "{created:?}");
}

async fn create_if_missing(store: &Store, principal: &str, number: u64) -> Created {
    let now: Timestamp = SystemTime::now().into();
    let record = Record::builder(id(principal, number), SecretHash::from_bytes([7; 32]), now)
        .idle(Some(Duration::from_secs(1800)))
        .absolute_deadline(now.after(Duration::from_secs(43_200)))
        .principal(Some(principal))
        .entry("n", b"1")
        .entry("theme", b"\"dark\"");
    store.create(&record.build().expect("it is small")).await.expect("the store writes")
}

/// Signs the principal in once more. The oldest sessions beyond `most` end.
async fn login(store: &Store, most: u64) {
    let exchange = sessions(store, Some(most)).open();
    let session = exchange.session(None).await.expect("there is nothing to load");
    session.login(PRINCIPAL).expect("the name is valid");
    drop(session);
    let _ = exchange.end(200).await.expect("the store writes");
}

fn sessions(store: &Store, most: Option<u64>) -> Sessions {
    let mut builder = Sessions::builder().store(Arc::clone(store)).sweep_every(None);
    if let Some(most) = most {
        builder = builder.sessions_per_principal(most as usize);
    }
    builder.build().expect("the options are sound")
}

/// Returns a pseudorandom id, since real ids have no order.
fn id(principal: &str, number: u64) -> SessionId {
    let mut state = number + if principal == PRINCIPAL { 0 } else { 1 << 40 };
    // The generator SplitMix64, twice.
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_be_bytes()
    };
    let (high, low) = (next(), next());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high);
    bytes[8..].copy_from_slice(&low);
    SessionId::from_bytes(bytes)
}

fn most_resident_mebibytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel reports it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("it is a number") / 1024
}
