//! Parallel requests of one session, which lose no writes.

use crate::{Request, Server, each_together, together};

/// Writes different keys from eight tabs at once.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn parallel_writes_of_different_keys_all_stay(server: &Server, rounds: usize) {
    let mut visitor = server.visitor();
    visitor.get("/set").expect_ok();
    let mut writers = visitor.tabs(8);
    let mut kept = 0;
    for round in 0..rounds {
        each_together(&mut writers, |index, writer| {
            let answer = writer.get(&format!("/put?k=k{round}.{index}&v=1&ms=2"));
            answer.expect_text("ok").expect_no_cookie();
        });
        let entries = visitor.entries();
        kept += (0..writers.len()).filter(|index| entries.contains_key(&format!("k{round}.{index}"))).count();
        // The number of keys per session is limited.
        visitor.get("/clear/").expect_text("{}");
    }
    assert_eq!(kept, rounds * 8, "of {} keys", rounds * 8);
}

/// Increments a counter over many connections at once.
///
/// # Panics
///
/// Panics if the rule does not hold.
#[track_caller]
pub fn parallel_increments_add_up(server: &Server, clients: usize, each: usize) {
    let mut visitor = server.visitor();
    visitor.get("/set").expect_ok();
    let increment = server.authorize(Request::get("/incr?k=visits&by=1"), &visitor.token());
    let total = clients * each;
    together(clients, |_| {
        let mut connection = server.connect();
        for _ in 0..each {
            if !connection.is_open() {
                connection = server.connect();
            }
            let answer = connection.exchange(&increment).expect("an increment is answered").expect_no_cookie();
            let seen = answer.text().trim().parse::<usize>();
            assert!(answer.status() == 200 && seen.is_ok_and(|seen| (1..=total).contains(&seen)), "{answer}");
        }
    });
    assert_eq!(visitor.entries()["visits"], total.to_string());
    visitor.get(&format!("/incr?k=visits&by=-{total}")).expect_text("0");
}
