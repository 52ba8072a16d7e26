//! Number of Redis commands per request, as recorded by the servers.

use std::sync::{Mutex, PoisonError};

use sessions_tests::{Framework, Options, Server, in_every_framework};
use test_servers::Cluster;

in_every_framework! {
    a_request_costs_at_most_a_command_to_load_and_one_to_commit,
    a_request_costs_the_same_on_a_cluster,
}

const LOAD: &str = "GET";
/// The script that replaces a value if it still has the mark that was read.
const COMMIT: &str = "EVALSHA";
const CREATE: &str = "SET";
/// The script that lists a session under its principal.
const LIST: &str = "EVALSHA";
/// The command that counts the sessions of a principal after a login.
const COUNT: &str = "ZCARD";

fn a_request_costs_at_most_a_command_to_load_and_one_to_commit(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    let redis = test_servers::Server::start();
    let server = Options::new(framework).store(&redis.url()).start();
    expect_costs(&server, &|work| received(&[&redis], work));
}

fn a_request_costs_the_same_on_a_cluster(framework: Framework) {
    if !test_servers::installed() {
        return;
    }
    // No other test may send commands meanwhile.
    static CLUSTER: Mutex<Option<Cluster>> = Mutex::new(None);
    let mut cluster = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = cluster.get_or_insert_with(Cluster::start);
    let server = Options::new(framework).store(&cluster.url()).start();
    // Replicas receive only what their primaries send.
    let primaries: Vec<_> = cluster.servers()[..3].iter().collect();
    expect_costs(&server, &|work| received(&primaries, work));
}

/// Returns the names of the commands that clients sent to the servers while `work` ran.
fn received(servers: &[&test_servers::Server], work: &mut dyn FnMut()) -> Vec<String> {
    let Some((first, others)) = servers.split_first() else {
        work();
        return Vec::new();
    };
    let mut names = Vec::new();
    let commands = first.commands_during(|| names = received(others, work));
    // The monitoring itself sends commands as well.
    let of_clients = commands.iter().filter_map(|words| words.first()).map(|name| name.to_ascii_uppercase());
    names.extend(of_clients.filter(|name| !matches!(name.as_str(), "ECHO" | "COMMAND" | "MONITOR")));
    names
}

fn expect_costs(server: &Server, count: &dyn Fn(&mut dyn FnMut()) -> Vec<String>) {
    // Opens the connections and loads the scripts.
    for number in 0..32 {
        let mut visitor = server.signed_in(&format!("user-{number}"));
        visitor.put("warm", "1");
        visitor.put("warm", "2");
    }
    let mut visitor = server.signed_in("ann");
    let mut cost = |target: &str| count(&mut || drop(visitor.get(target).expect_ok()));
    for read in ["/get", "/get/", "/whoami", "/flash/peek?k=a", "/flash/all", "/flash/get?k=none"] {
        assert_eq!(cost(read), [LOAD], "{read} in {}", server.framework());
    }
    for number in 0..5 {
        for write in ["/put?k=a&v=", "/incr?k=visits&by=1", "/flash/set?k=a&v="] {
            let names = cost(&format!("{write}{number}"));
            assert_eq!(names, [LOAD, COMMIT], "{write} in {}", server.framework());
        }
        // This request also removes the flash.
        assert_eq!(cost("/flash/get?k=a"), [LOAD, COMMIT], "a flash in {}", server.framework());
        assert_eq!(
            cost(&format!("/put?k=a&v={number}")),
            [LOAD],
            "a write of an equal value in {}",
            server.framework()
        );
    }
    for untouched in ["/plain", "/plain?page=2"] {
        assert_eq!(cost(untouched), [""; 0], "{untouched} in {}", server.framework());
    }
    for look in ["/get", "/get/", "/whoami", "/flash/all", "/plain", "/sessions", "/clear", "/delete"] {
        let names = count(&mut || drop(server.visitor().get(look).expect_ok().expect_no_cookie()));
        assert_eq!(names, [""; 0], "a new visitor at {look} in {}", server.framework());
    }
    let names = count(&mut || drop(server.visitor().get("/set").expect_ok()));
    assert_eq!(names, [CREATE], "a new visitor who writes in {}", server.framework());
    let mut visitor = server.visitor();
    visitor.put("cart", "7");
    let mut names = count(&mut || drop(visitor.get("/login?user=ann").expect_ok()));
    names.sort_unstable(); // the list may be on another server of the cluster
    assert_eq!(names, [LIST, COMMIT, LOAD, COUNT], "a login of a known visitor in {}", server.framework());
}
