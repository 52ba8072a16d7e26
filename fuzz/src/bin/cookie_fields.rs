//! Reads arbitrary bytes as `Cookie` headers, one per line.
//!
//! The live session is opened if and only if its cookie is among the first, and the number of
//! lookups per request is bounded.

#![no_main]

use std::sync::LazyLock;

use fuzz::{Lazy, Site, id_of, values};
use libfuzzer_sys::fuzz_target;
use sessions_core::Sessions;
use sessions_core::adapter::Token;

/// Token of the only live session.
const LIVE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Maximum number of lookups per request.
const MOST_LOOKUPS: u64 = 8;

/// Number of different tokens, and of values, among which the live one must be found.
const FEW_TOKENS: usize = 4;
const FEW_VALUES: usize = 16;

static SITE: Lazy = LazyLock::new(|| Site::new(Sessions::builder(), &[LIVE]));

fuzz_target!(|data: &[u8]| {
    let session = SITE.load(fields(data));
    let loads = SITE.take_loads();
    assert!(loads <= MOST_LOOKUPS, "{loads} records were looked up");

    let values: Vec<&[u8]> = fields(data).flat_map(values).collect();
    let is_live = |value: &[u8]| value == LIVE.as_bytes();
    match session.id() {
        Some(id) => {
            assert_eq!(id, id_of(LIVE), "a session that does not exist was opened");
            assert!(values.iter().any(|value| is_live(value)), "the session was opened without its token");
        }
        None => assert!(!must_open(&values, is_live), "the session was not opened with its token"),
    }
});

fn fields(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == b'\n')
}

/// Returns whether the live token is among the first different ones, where no limit may hide it.
fn must_open(values: &[&[u8]], is_live: impl Fn(&[u8]) -> bool) -> bool {
    let mut tokens: Vec<&[u8]> = values.iter().copied().filter(|value| Token::parse(value).is_some()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    values.len() <= FEW_VALUES && tokens.len() <= FEW_TOKENS && tokens.into_iter().any(is_live)
}
