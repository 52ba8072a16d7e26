//! Commits and loads per second.

use std::sync::Arc;
use std::time::Duration;

use sessions_core::Sessions;

use crate::clients::{Client, Work, pass, sign_in, start};
use crate::{open, runtime};

pub(crate) fn run(store: &str, place: &str, clients: usize, time: Duration) {
    runtime().block_on(async {
        let sessions = Sessions::builder().store(open::store(store, place)).build().expect("the defaults are sound");
        let clients: Arc<Vec<Client>> = Arc::new(sign_in(&sessions, clients).await);
        let commits =
            rate(start(&clients, |clients, number| async move { clients[number].commit().await }), time).await;
        let loads = rate(start(&clients, |clients, number| async move { clients[number].load().await }), time).await;
        println!("{commits:.0} {loads:.0}");
    });
}

async fn rate(work: Work, time: Duration) -> f64 {
    // Skip the start, with its cold caches.
    pass(time / 10).await;
    let rate = work.rate_during(pass(time)).await;
    work.stop().await;
    rate
}
