//! Parses arbitrary text as the URL of a store in PostgreSQL and in MySQL.
//!
//! An error message never repeats the password, unless it is also the name of an option.

#![no_main]

use std::error::Error;

use libfuzzer_sys::fuzz_target;
use sessions_sql::fuzzing::parse_url;
use sessions_sql::{MySql, Postgres};
use url::form_urlencoded;

/// Byte that stands for the password in an input.
const MARK: &str = "\u{1}";
const PASSWORD: &str = "hunter2";

fuzz_target!(|text: &str| {
    let url = text.replace(MARK, PASSWORD);
    if option_names(&url).any(|name| name.contains(PASSWORD)) {
        return;
    }
    for parsed in [parse_url::<Postgres>(&url), parse_url::<MySql>(&url)] {
        let Err(error) = parsed else { continue };
        let mut shown = format!("{error} {error:?}");
        let mut cause = error.source();
        while let Some(error) = cause {
            shown.push_str(&format!(" {error} {error:?}"));
            cause = error.source();
        }
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
});

/// Returns the names of a URL's options, which a message may repeat.
fn option_names(url: &str) -> impl Iterator<Item = String> {
    let options = url.split_once('?').map_or("", |(_, options)| options);
    form_urlencoded::parse(options.as_bytes()).map(|(name, _)| name.into_owned())
}
