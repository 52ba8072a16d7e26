//! Messages of errors: which server, why and what to do, without any secret.

use std::error::Error;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::{NOW, changes, commit, id, record, until};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use pollster::block_on;
use sessions_redis::{RedisBuilder, RedisStore};
use sessions_store::{Store, StoreError, StoreErrorKind, StoreFuture};
use test_servers::{Options, Server};

/// Returns all text forms of an error: as a log shows it, `Debug` included.
fn shown(error: &dyn Error) -> String {
    let mut shown = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        shown += &format!(": {cause}");
        source = cause.source();
    }
    let debug = format!("{shown} {error:?} {error:#?}");
    for secret in ["hunter", "s3cret", &"07".repeat(4)] {
        assert!(!debug.contains(secret), "{debug}");
    }
    shown
}

fn hurried() -> RedisBuilder {
    let deadline = Duration::from_millis(400);
    RedisStore::builder().load_deadline(deadline).commit_deadline(deadline)
}

/// Returns the messages of failing calls of each kind, without duplicates.
fn failures(store: &RedisStore) -> Vec<String> {
    let debug = format!("{store:?} {store:#?}");
    assert!(!debug.contains("hunter"), "{debug}");
    let id = id();
    let first = record(id).principal(Some("s3cret-user")).entry("s3cret-key", b"s3cret-value").build().unwrap();
    let change = changes().set("s3cret-key", b"s3cret-value");
    let calls = [
        failing(store.ping()),
        failing(store.load(id, NOW)),
        failing(store.create(&first)),
        failing(commit(store, id, &change)),
        failing(store.destroy(id)),
    ];
    let mut errors = block_on(join_all(calls));
    // These have a longer deadline, unless the outage is known.
    let calls = [
        failing(store.destroy_all()),
        failing(store.of_principal("s3cret-user", NOW)),
        failing(store.destroy_of_principal("s3cret-user", None)),
        failing(store.count()),
        failing(store.scan(None, 10, NOW)),
    ];
    errors.extend(block_on(join_all(calls)));
    assert!(errors.iter().all(|error| !format!("{error:?}").contains(&id.to_string())), "{errors:?}");
    let mut told: Vec<_> = errors.iter().map(|error| shown(error)).collect();
    told.sort();
    told.dedup();
    told
}

fn failing<T: 'static>(call: StoreFuture<T>) -> BoxFuture<'static, StoreError>
where
    StoreFuture<T>: Send,
{
    async move { call.await.err().expect("it fails") }.boxed()
}

fn assert_all_tell(store: &RedisStore, parts: &[&str]) {
    for told in failures(store) {
        assert!(parts.iter().all(|part| told.contains(part)), "{told} lacks one of {parts:?}");
    }
}

#[test]
fn an_unreachable_server_is_named() {
    let refused = ["127.0.0.1:1: connection refused"];
    assert_all_tell(&hurried().open("redis://ada:hunter2@127.0.0.1:1/0").unwrap(), &refused);
    assert_all_tell(&hurried().open("redis-cluster://ada:hunter2@127.0.0.1:1,127.0.0.1:1").unwrap(), &refused);
    assert_all_tell(&hurried().open("rediss://ada:hunter2@127.0.0.1:1").unwrap(), &refused);
    let socket = "/nowhere/redis.sock: no such file or directory";
    assert_all_tell(&hurried().open("redis+unix:///nowhere/redis.sock?user=ada&pass=hunter2").unwrap(), &[socket]);
    let unknown = "redis://:hunter2@no-such-host.invalid";
    assert_all_tell(&hurried().open(unknown).unwrap(), &["no-such-host.invalid:6379: "]);
}

/// Regression: a sweep, which needs no server here, counted as an answer.
#[test]
fn a_sweep_does_not_end_an_outage() {
    let store = hurried().open("redis://127.0.0.1:1").unwrap();
    let time_of_load = || {
        let begun = Instant::now();
        block_on(store.load(id(), NOW)).unwrap_err();
        begun.elapsed()
    };
    assert!(time_of_load() > Duration::from_millis(250), "the first call waits for the server to return");
    // On a busy machine, most may be late.
    let fails_soon = |_| {
        assert_eq!(block_on(store.sweep(10, NOW)).unwrap(), []);
        time_of_load() < Duration::from_millis(250)
    };
    assert!((0..20).any(fails_soon), "a call in an outage does not wait for the server to return");
}

#[test]
fn a_silent_server_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    for scheme in ["redis", "rediss", "redis-cluster"] {
        assert_all_tell(&hurried().open(&format!("{scheme}://:hunter2@{server}")).unwrap(), &[&server]);
    }
}

#[test]
fn a_server_that_goes_silent_is_named() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let store = hurried().load_deadline(Duration::from_millis(100)).open(&server.url()).unwrap();
    until(|| block_on(store.ping()).is_ok(), "the store never connected");
    server.freeze();
    let error = block_on(store.ping()).unwrap_err();
    server.thaw();
    let told = format!("127.0.0.1:{} did not answer within 100ms", server.port());
    assert!(shown(&error).ends_with(&told), "{}", shown(&error));
}

#[test]
fn a_missing_or_wrong_password_is_reported() {
    if !test_servers::installed() {
        return;
    }
    let server = Options::new().password("hunter2").start();
    let host = format!("127.0.0.1:{}", server.port());
    let open = |rest: &str| hurried().open(&format!("redis://{rest}")).unwrap();
    let missing = ["asks for a password: put it into the URL as redis://:PASSWORD@host", host.as_str(), "NOAUTH"];
    for rest in [host.clone(), format!("{host}/3"), format!("{host}?protocol=resp3"), format!("{host}/3?protocol=3")] {
        assert_all_tell(&open(&rest), &missing);
    }
    let wrong = ["does not accept the user or the password", "redis://USER:PASSWORD@host", host.as_str(), "WRONGPASS"];
    for rest in [format!(":hunter3@{host}"), format!("ada:hunter3@{host}"), format!("{host}?pass=hunter3&protocol=3")] {
        assert_all_tell(&open(&rest), &wrong);
    }
    let socket = format!("redis+unix://{}", server.socket());
    assert_all_tell(&hurried().open(&socket).unwrap(), &["asks for a password", &server.socket()]);
    assert_all_tell(&hurried().open(&format!("{socket}?pass=hunter3")).unwrap(), &["password", &server.socket()]);
    let store = hurried().open(&format!("redis-cluster://{host}")).unwrap();
    assert_all_tell(&store, &missing);
}

#[test]
fn a_missing_right_is_reported() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    assert_eq!(server.cli(&["ACL", "SETUSER", "ada", "on", ">hunter2", "~*", "+select"]), "OK");
    let store = hurried().open(&format!("redis://ada:hunter2@127.0.0.1:{}", server.port())).unwrap();
    let server_name = format!("127.0.0.1:{} does not give this user the rights", server.port());
    let told = failures(&store).join(" ");
    assert!(told.contains(&server_name) && told.contains("`get` among them (NOPERM)"), "{told}");
    assert_all_tell(&store, &["(NOPERM)"]);
}

#[test]
fn other_refusals_are_reported() {
    if !test_servers::installed() {
        return;
    }
    let server = Server::start();
    let host = format!("127.0.0.1:{}", server.port());
    let open = |url: &str| hurried().open(url).unwrap();
    assert_all_tell(&open(&format!("redis://{host}/99")), &[&host, "has no such database"]);
    assert_all_tell(&open(&format!("redis-cluster://{host}")), &[&host, "is of no cluster: open it as redis://"]);
    let node = Options::new().cluster().start();
    let error = block_on(open(&node.url()).load(id(), NOW)).unwrap_err();
    assert!(shown(&error).contains("(CLUSTERDOWN)"), "{}", shown(&error));
    let error = block_on(open(&format!("{}/1", node.url())).load(id(), NOW)).unwrap_err();
    assert!(shown(&error).contains("no database but 0"), "{}", shown(&error));
    let replica = Server::start();
    let store = open(&replica.url());
    assert_eq!(replica.cli(&["REPLICAOF", "127.0.0.1", &server.port().to_string()]), "OK");
    let error = block_on(store.create(&record(id()).build().unwrap())).unwrap_err();
    assert!(shown(&error).contains("put the primary into the URL (READONLY)"), "{}", shown(&error));
}

#[test]
fn an_exceeded_limit_is_reported() {
    let store = hurried().max_in_flight(1).open("redis://:hunter2@127.0.0.1:1").unwrap();
    let _first = store.ping();
    let error = block_on(store.ping()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert!(shown(&error).ends_with("`max_in_flight` allows"), "{}", shown(&error));
}

#[test]
fn an_open_error_names_the_option() {
    let builder = RedisStore::builder;
    let refused = [
        ("load_deadline", builder().load_deadline(Duration::ZERO)),
        ("commit_deadline", builder().commit_deadline(Duration::ZERO)),
        ("max_in_flight", builder().max_in_flight(0)),
        ("prefix", builder().prefix("{hunter2")),
    ];
    for (name, builder) in refused {
        let error = builder.open("redis://:hunter2@h").unwrap_err();
        assert!(shown(&error).contains(&format!("`{name}`")), "{error}");
    }
    let none: [redis::ConnectionInfo; 0] = [];
    assert!(shown(&builder().open_cluster(none).unwrap_err()).contains("at least one server"));
}
