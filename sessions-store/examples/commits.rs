//! What concurrent changes do to a record. `cargo run -p sessions-store --example commits`

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use sessions_store::{Changes, Limits, Record, Refusal, SecretHash, SessionId, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (id, secret, now) =
        (SessionId::from_bytes([1; 16]), SecretHash::from_bytes([2; 32]), Timestamp::from_millis(0));
    let loaded = Record::builder(id, secret, now).entry("visits", b"1").immutable("plan", b"\"pro\"").build()?;
    let changes = || Changes::new(now, secret);

    // Changes of different keys commute, and increments add up.
    let one = loaded.apply(&changes().increment("visits", 1))?.apply(&changes().set("theme", b"\"dark\""))?;
    let other = loaded.apply(&changes().set("theme", b"\"dark\""))?.apply(&changes().increment("visits", 1))?;
    for record in [&one, &other] {
        assert_eq!(record.entry("visits").map(|entry| entry.value()), Some(&b"2"[..]));
        assert_eq!(record.entry("theme").map(|entry| entry.value()), Some(&b"\"dark\""[..]));
    }

    // A login replaces the secret. Whoever has the old one can write no more.
    let signed_in = one.apply(&changes().bind("ann").renew(SecretHash::from_bytes([3; 32])))?;
    assert_eq!(signed_in.principal(), Some("ann"));

    println!("visits: {}", String::from_utf8_lossy(one.entry("visits").map_or(&[], |entry| entry.value())));
    for (what, refused) in [
        ("an old secret", signed_in.apply(&changes().set("theme", b"\"light\""))),
        ("an immutable entry", one.apply(&changes().set("plan", b"\"free\""))),
        ("a requirement", one.apply(&changes().require("visits", Some(b"1")).set("theme", b"\"light\""))),
        ("a limit", one.apply(&changes().set("more", b"1").limited_to(Limits::new(65_536, 3)))),
    ] {
        println!("{what}: {}", refused.map_or_else(|refusal: Refusal| refusal.to_string(), |_| "applied".to_owned()));
    }
    Ok(())
}
