//! Reads arbitrary bytes as a request to sessions-minihttp.
//!
//! The verdict on a head does not depend on what arrives later. A chunked body reads the same
//! however it is split.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sessions_minihttp::fuzzing::{decode_chunked, parse_head};

fuzz_target!(|input: (u16, u8, &[u8])| {
    let (cut, piece, bytes) = input;
    let head = parse_head(bytes);
    if let Ok(Some(length)) = head {
        assert!(length <= bytes.len(), "a head is longer than what arrived");
        assert_eq!(parse_head(&bytes[..length]), head, "a head depends on what follows it");
    }
    let begun = parse_head(&bytes[..usize::from(cut).min(bytes.len())]);
    match begun {
        Ok(None) => {}
        Ok(Some(_)) => assert_eq!(begun, head, "a head was complete before"),
        Err(_) => assert!(head.is_err(), "a refused head was accepted when more of it arrived"),
    }

    let whole = decode_chunked(bytes, bytes.len());
    assert_eq!(decode_chunked(bytes, usize::from(piece)), whole, "a body depends on how it was cut");
    if let Ok(Some((body, taken))) = whole {
        assert!(body.len() <= taken && taken <= bytes.len(), "a body is longer than what arrived");
    }
});
