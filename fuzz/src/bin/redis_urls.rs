//! Any text as the URL of a Redis store: it is read or refused, and what is said about a refused one repeats no password.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sessions_redis::fuzzing::parse_url;

/// Stands for the password, wherever an input has this byte.
const MARK: &str = "\u{1}";
const PASSWORD: &str = "hunter2";

fuzz_target!(|text: &str| {
    let url = text.replace(MARK, PASSWORD);
    if let Err(error) = parse_url(&url) {
        let mut shown = format!("{error} {error:?}");
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            shown.push_str(&format!(" {error} {error:?}"));
            cause = error.source();
        }
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
});
