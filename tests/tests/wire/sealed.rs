//! Signed and encrypted cookies: only what the server sealed is accepted.

use sessions_tests::{BASE64URL, Framework, Options, Seal, Server, in_every_framework, random_token};
use tempfile::TempDir;

in_every_framework! {
    an_altered_signed_cookie_is_ignored,
    an_altered_encrypted_cookie_is_ignored,
    the_key_can_be_given,
    a_cookie_is_resealed_after_a_key_change,
}

fn an_altered_signed_cookie_is_ignored(framework: Framework) {
    expect_altered_is_ignored(&Options::new(framework).seal(Seal::Signed).start());
}

fn an_altered_encrypted_cookie_is_ignored(framework: Framework) {
    expect_altered_is_ignored(&Options::new(framework).seal(Seal::Encrypted).start());
}

fn expect_altered_is_ignored(server: &Server) {
    let mut owner = server.signed_in("ann");
    let sealed = owner.token();
    assert!(sealed.len() > 43, "a sealed token is longer than a plain one: {sealed}");
    let expect_unknown = |value: &str| {
        assert_ne!(value, sealed);
        server.visitor_with(value).expect_anonymous();
    };
    for (position, byte) in sealed.bytes().enumerate() {
        // A neighbour in the alphabet differs in the lowest bit, which is unused in the last digit.
        let digit = BASE64URL.iter().position(|digit| *digit == byte);
        for other in digit.map_or(vec![b'A'], |digit| vec![BASE64URL[digit ^ 1], BASE64URL[digit ^ 32]]) {
            let mut altered = sealed.clone().into_bytes();
            altered[position] = other;
            expect_unknown(&String::from_utf8(altered).expect("ASCII stays ASCII"));
        }
    }
    for cut in [1, 2, 3, 4, 16, sealed.len() - 43, sealed.len() - 1] {
        expect_unknown(&sealed[cut..]);
        expect_unknown(&sealed[..sealed.len() - cut]);
    }
    expect_unknown(&random_token());
    expect_unknown(&format!("{sealed}{sealed}"));
    expect_unknown(&format!("{sealed}A"));
    expect_unknown(&format!("{sealed}="));
    let other = server.signed_in("bob").token();
    let half = sealed.len() / 2;
    if other.len() == sealed.len() {
        expect_unknown(&format!("{}{}", &sealed[..half], &other[half..]));
    }
    owner.expect_user("ann");
}

/// Returns a key of 64 bytes, in hex.
fn key(pattern: u8) -> String {
    (0u8..64).map(|byte| format!("{:02x}", byte ^ pattern)).collect()
}

fn the_key_can_be_given(framework: Framework) {
    let key = key(0xa5);
    for seal in [Seal::Signed, Seal::Encrypted] {
        let server = Options::new(framework).seal(seal).environment("SESSIONS_KEY", &key).start();
        let mut visitor = server.signed_in("ann");
        visitor.expect_user("ann");
        assert!(!server.stop().contains(&key), "the key is in the output");
    }
}

/// Regression: cookies kept the seal that they were issued with, so that active visitors were
/// signed out when the old key was removed.
fn a_cookie_is_resealed_after_a_key_change(framework: Framework) {
    let (old, new) = (key(0xa5), key(0x5a));
    let folder = TempDir::with_prefix("sessions-").expect("there is a directory for temporary files");
    let store = format!("redb:{}", folder.path().join("sessions").display());
    for seal in [Seal::Signed, Seal::Encrypted] {
        let start =
            |keys: &str| Options::new(framework).seal(seal).store(&store).environment("SESSIONS_KEY", keys).start();
        let server = start(&old);
        let sealed_by_old = server.signed_in("ann").token();
        drop(server);
        let server = start(&format!("{new},{old}"));
        let mut visitor = server.visitor_with(&sealed_by_old);
        visitor.expect_user("ann");
        let sealed_by_new = visitor.token();
        assert_ne!(sealed_by_new, sealed_by_old);
        visitor.get("/whoami").expect_ok().expect_no_cookie();
        drop(server);
        let server = start(&new);
        server.visitor_with(&sealed_by_new).expect_user("ann");
        server.visitor_with(&sealed_by_old).expect_anonymous();
    }
}
