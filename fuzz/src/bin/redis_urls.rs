//! Parses arbitrary text as the URL of a Redis store.
//!
//! An error message never repeats the password, unless it is also the name of an option.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sessions_redis::fuzzing::parse_url;

/// Byte that stands for the password in an input.
const MARK: &str = "\u{1}";
const PASSWORD: &str = "hunter2";

fuzz_target!(|text: &str| {
    let url = text.replace(MARK, PASSWORD);
    if option_names(&url).any(|name| name.contains(PASSWORD)) {
        return;
    }
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

/// Returns the names of a URL's options, which a message may repeat.
fn option_names(url: &str) -> impl Iterator<Item = &str> {
    let options = url.split_once('?').map_or("", |(_, options)| options);
    options.split('&').map(|option| option.split('=').next().unwrap_or(option))
}
