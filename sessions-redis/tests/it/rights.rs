//! The rights that the documentation gives to a store's user: enough, and none that is not needed.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::time::Duration;

use crate::support::{NOW, cluster, id, record, server, valkey};
use pollster::block_on;
use sessions_redis::{RedisBuilder, RedisStore};
use sessions_store::{Changes, Refusal, Store, StoreError};
use test_servers::Server;

/// The words of the guide's `ACL SETUSER` after the user's name, and those that a cluster adds.
fn documented() -> (Vec<String>, Vec<String>) {
    // Not in the package of this crate.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../guide/redis-in-production.md");
    let guide = fs::read_to_string(path).unwrap();
    let (_, rest) = guide.split_once("\nACL SETUSER app ").unwrap();
    let (command, rest) = rest.split_once('\n').unwrap();
    let (_, rest) = rest.split_once("In a cluster add `").unwrap();
    let (more, _) = rest.split_once('`').unwrap();
    let words = |text: &str| text.split(' ').map(|word| word.replace("PASSWORD", "secret1")).collect();
    (words(command), words(more))
}

/// Gives these rights to the user `app` of a server, and no others.
fn allow(server: &Server, words: &[String]) {
    let words: Vec<_> =
        ["ACL", "SETUSER", "app", "reset"].into_iter().chain(words.iter().map(String::as_str)).collect();
    assert_eq!(server.cli(&words), "OK");
}

/// Returns the URL of the user `app`.
fn url_of_app(url: &str) -> String {
    url.replacen("://", "://app:secret1@", 1)
}

/// Makes all calls that there are, and returns the first error with its causes.
fn make_all_calls(url: &str, deadline: Duration) -> Result<(), String> {
    let open = |builder: RedisBuilder| {
        let builder = builder.prefix("shop:").load_deadline(deadline).commit_deadline(deadline);
        builder.open(&url_of_app(url)).unwrap()
    };
    let store = open(RedisStore::builder());
    let waiting = open(RedisStore::builder().wait_for_replicas(0, Duration::from_secs(5)));
    block_on(calls(&store, &waiting)).map_err(|error| {
        let cause = error.source().map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    })
}

async fn calls(store: &RedisStore, waiting: &RedisStore) -> Result<(), StoreError> {
    store.ping().await?;
    let small = record(id()).principal(Some("ann")).entry("n", b"1").build().unwrap();
    // Of a large one, only what changes is sent.
    let large = record(id()).principal(Some("ann")).entry("n", b"1").entry("large", &[b'1'; 10_000]).build().unwrap();
    for record in [&small, &large] {
        store.create(record).await?;
        let changes = || Changes::new(NOW, record.secret_hash());
        let base = store.commit(record, &changes().increment("n", 1)).await?.unwrap();
        // From a base that is out of date, and to none.
        store.commit(record, &changes().increment("n", 1)).await?.unwrap();
        let gone = crate::support::record(id()).build().unwrap();
        assert_eq!(store.commit(&gone, &changes().increment("n", 1)).await?.map(drop), Err(Refusal::Gone));
        assert!(store.load(base.id(), NOW).await?.is_some());
    }
    assert_eq!(store.count().await?, 2);
    store.scan(None, 10, NOW).await?;
    store.sweep(10, NOW).await?;
    assert_eq!(store.of_principal("ann", NOW).await?.len(), 2);
    assert_eq!(store.count_of_principal("ann", NOW).await?, 2);
    assert_eq!(store.destroy_of_principal("ann", Some(large.id())).await?, [small.id()]);
    assert!(waiting.destroy(large.id()).await?);
    assert_eq!(store.destroy_all().await?, 0);
    Ok(())
}

#[test]
fn one_server_needs_the_documented_rights() {
    if test_servers::installed() {
        assert_documented(&[server()], &server().url(), &documented().0);
    }
}

#[test]
fn valkey_needs_the_documented_rights() {
    if test_servers::valkey_is_installed() {
        // It compares and sets by itself, and so needs no script for that.
        assert_documented(&[valkey()], &valkey().url(), &documented().0);
    }
}

#[test]
fn a_cluster_needs_the_documented_rights() {
    if test_servers::installed() {
        let (words, more) = documented();
        let servers: Vec<_> = cluster().servers().iter().collect();
        assert_documented(&servers, &cluster().url(), &[words, more].concat());
    }
}

/// The documentation of the crate lists the same rights as the guide.
#[test]
fn the_crate_and_the_guide_list_the_same_rights() {
    let crate_docs = include_str!("../../src/docs/crate.md").replace('\n', " ");
    let (_, rest) = crate_docs.split_once("A Redis user needs ").unwrap();
    let listed: BTreeSet<_> = rest.split('`').skip(1).step_by(2).take(3).flat_map(|words| words.split(' ')).collect();
    let (words, more) = documented();
    let documented: BTreeSet<_> =
        words.iter().chain(&more).map(String::as_str).filter(|word| word.starts_with('+')).collect();
    assert_eq!(listed, documented);
}

/// Checks that all calls succeed with the documented rights, and that some call fails if one of
/// them is missing.
fn assert_documented(servers: &[&Server], url: &str, words: &[String]) {
    servers.iter().for_each(|server| allow(server, words));
    make_all_calls(url, Duration::from_secs(20)).unwrap();
    // Without `+info` all calls work. They do not survive a restart: see `principals.rs`.
    for superfluous in words.iter().filter(|word| word.starts_with('+') && *word != "+info") {
        let fewer: Vec<_> = words.iter().filter(|word| *word != superfluous).cloned().collect();
        servers.iter().for_each(|server| allow(server, &fewer));
        let error = make_all_calls(url, Duration::from_secs(1)).expect_err(superfluous);
        assert!(error.contains("NOPERM"), "without {superfluous}: {error}");
    }
}
