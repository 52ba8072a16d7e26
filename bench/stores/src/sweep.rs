//! Sweeping during commits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sessions_core::Sessions;
use sessions_core::testing::ManualClock;

use crate::clients::{Client, pass, sign_in, start};
use crate::{open, runtime};

const CLIENTS: usize = 64;
/// Duration of a turn, with sweeping or without.
const TURN: Duration = Duration::from_secs(1);
/// Number of records per call: few, so that no call runs long after its turn.
const SLICE: usize = 250;
const LONGER_THAN_IDLE: Duration = Duration::from_secs(31 * 60);

pub(crate) fn run(store: &str, place: &str, expired: usize, rounds: usize) {
    runtime().block_on(async {
        let clock = Arc::new(ManualClock::default());
        let builder = Sessions::builder().store(open::store(store, place)).clock(Arc::clone(&clock));
        let sessions = builder.sweep_every(None).build().expect("the options are sound");
        drop(sign_in(&sessions, expired).await);
        clock.advance(LONGER_THAN_IDLE);
        let clients: Arc<Vec<Client>> = Arc::new(sign_in(&sessions, CLIENTS).await);
        let commits = start(&clients, |clients, number| async move { clients[number].commit().await });
        pass(TURN).await;
        for round in 0..rounds {
            let mut swept = 0.0;
            let (with, without) = if round % 2 == 0 {
                let with = commits.rate_during(async { swept = sweep(&sessions).await }).await;
                (with, commits.rate_during(pass(TURN)).await)
            } else {
                let without = commits.rate_during(pass(TURN)).await;
                (commits.rate_during(async { swept = sweep(&sessions).await }).await, without)
            };
            println!("{with:.0} {without:.0} {swept:.0}");
        }
        commits.stop().await;
        let left = sessions.count().await.expect("the store counts") - CLIENTS as u64;
        assert!(left > 0, "there were too few to sweep in every turn");
        println!("alone {:.0}", sweep(&sessions).await);
    });
}

/// Sweeps for a turn or until nothing is left, and returns the records per second.
async fn sweep(sessions: &Sessions) -> f64 {
    let begin = Instant::now();
    let mut swept = 0;
    while begin.elapsed() < TURN {
        let some = sessions.sweep(SLICE).await.expect("the store writes");
        swept += some;
        if some < SLICE as u64 {
            break;
        }
    }
    swept as f64 / begin.elapsed().as_secs_f64()
}
