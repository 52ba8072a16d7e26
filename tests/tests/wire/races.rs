//! Parallel requests of one session, which lose no writes.

use sessions_tests::scenarios::races;
use sessions_tests::{Framework, Server, each_together, in_every_framework, together};

in_every_framework! {
    parallel_writes_of_different_keys_all_stay,
    ten_thousand_parallel_increments_add_up,
    parallel_first_writes_create_separate_sessions,
    parallel_clear_and_write_leave_one_result,
}

fn parallel_writes_of_different_keys_all_stay(framework: Framework) {
    races::parallel_writes_of_different_keys_all_stay(&Server::start(framework), 200);
}

fn ten_thousand_parallel_increments_add_up(framework: Framework) {
    races::parallel_increments_add_up(&Server::start(framework), 100, 100);
}

fn parallel_first_writes_create_separate_sessions(framework: Framework) {
    let server = Server::start(framework);
    let visitors = together(8, |index| {
        let mut visitor = server.visitor();
        visitor.put("mine", &index.to_string());
        visitor
    });
    let mut tokens = Vec::new();
    for (index, mut visitor) in visitors.into_iter().enumerate() {
        assert_eq!(visitor.entries(), [("mine".to_owned(), index.to_string())].into());
        tokens.push(visitor.token());
    }
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 8);
}

fn parallel_clear_and_write_leave_one_result(framework: Framework) {
    let server = Server::start(framework);
    for _ in 0..20 {
        let mut visitor = server.visitor();
        visitor.put("k", "before");
        each_together(&mut visitor.tabs(3), |index, tab| {
            let route = ["/put?k=k&v=one", "/put?k=k&v=other", "/clear"][index];
            tab.get(route).expect_ok().expect_no_cookie();
        });
        let entries = visitor.entries();
        let value = entries.get("k").map(String::as_str);
        assert!(matches!(value, None | Some("one" | "other")), "{entries:?}");
    }
}
