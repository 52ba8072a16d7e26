//! The options of the builder.

use std::time::Duration;

use sessions_core::store::MemoryStore;
use sessions_core::testing::ManualClock;
use sessions_core::{
    Codec, ConfigErrorKind, CrossOrigin, Expiry, OutagePolicy, SameSite, SessionId, Sessions, SessionsBuilder,
};

#[cfg(feature = "seal")]
const KEY: &[u8] = b"a very sensitive key of 32 bytes!";

/// A codec that nobody uses.
#[derive(Debug)]
struct Unread;

impl Codec for Unread {
    fn encode(&self, _: &serde_json::Value) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        Err("unused".into())
    }

    fn decode(&self, _: &[u8]) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
        Err("unused".into())
    }
}

#[test]
fn each_option_keeps_those_set_before() {
    type Option = fn(SessionsBuilder) -> SessionsBuilder;
    let options: &[(&str, Option)] = &[
        ("store", |builder| builder.store(MemoryStore::default())),
        ("domain", |builder| builder.domain("example.com")),
        ("path", |builder| builder.path("/shop")),
        ("same_site", |builder| builder.same_site(SameSite::Strict)),
        ("partitioned", |builder| builder.partitioned(true)),
        ("secure", |builder| builder.secure(false)),
        ("http_only", |builder| builder.http_only(false)),
        ("expiry", |builder| builder.expiry(Expiry::default())),
        ("idle", |builder| builder.idle(Duration::from_secs(60))),
        ("absolute", |builder| builder.absolute(None)),
        ("touch_every", |builder| builder.touch_every(Duration::from_secs(1))),
        ("sweep_every", |builder| builder.sweep_every(None)),
        ("max_record_bytes", |builder| builder.max_record_bytes(1000)),
        ("max_keys", |builder| builder.max_keys(10)),
        ("outage", |builder| builder.outage(OutagePolicy::Anonymous)),
        ("no_store", |builder| builder.no_store(false)),
        ("cross_origin", |builder| builder.cross_origin(CrossOrigin::Off)),
        ("trusted_origins", |builder| builder.trusted_origins(["https://login.example"])),
        ("login_page", |builder| builder.login_page("/login")),
        ("confirm_page", |builder| builder.confirm_page("/confirm")),
        #[cfg(feature = "seal")]
        ("signed", |builder| builder.signed([sessions_core::SealKey::new(KEY).unwrap()])),
        #[cfg(feature = "seal")]
        ("encrypted", |builder| builder.encrypted([sessions_core::SealKey::new(KEY).unwrap()])),
        ("id_generator", |builder| builder.id_generator(|| SessionId::from_bytes([1; 16]))),
        ("clock", |builder| builder.clock(ManualClock::default())),
        ("codec", |builder| builder.codec(Unread)),
        ("on_event", |builder| builder.on_event(|_| {})),
        ("on_destroy", |builder| builder.on_destroy(|_, _| {})),
    ];
    for (name, option) in options {
        let builder = Sessions::builder().sweep_every(None).cookie_name("first");
        let sessions = option(builder).build().unwrap();
        assert_eq!(sessions.cookie_name(), "first", "{name}");
    }
}

/// A single test, because there is only one process.
#[test]
fn the_process_wide_manager_is_set_once() {
    let build = |name| Sessions::builder().sweep_every(None).cookie_name(name).build().unwrap();
    build("global").set_global().unwrap();
    assert_eq!(Sessions::global().cookie_name(), "global");
    assert_eq!(build("other").set_global().unwrap_err().kind(), ConfigErrorKind::GlobalAlreadySet);
    assert_eq!(Sessions::global().cookie_name(), "global");
}
