//! How to connect, by the options in the query of a URL.

use sessions_remote::{OpenError, OpenErrorKind, UrlOptions};
use sqlx::ConnectOptions;
use url::Url;

/// Returns where a server is.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn address(host: &str, port: u16, socket: Option<&std::path::PathBuf>) -> String {
    socket.map_or_else(|| format!("{host}:{port}"), |socket| socket.display().to_string())
}

/// Returns how to connect, given the URL before its query and the names of sqlx's options in it.
pub(crate) fn connect_options<O: ConnectOptions>(
    base: &str,
    options: &UrlOptions,
    names: &[&str],
) -> Result<O, OpenError> {
    const INVALID: &str = "the URL is no URL of a database, or one of its options has a wrong value \
                           (in a user or a password, write `/` as %2F, `?` as %3F, `#` as %23, `@` as %40)";
    let invalid = || OpenError::new(OpenErrorKind::Url, INVALID);
    let url = Url::parse(base).ok().filter(|url| url.fragment().is_none());
    let mut url = url.ok_or_else(invalid)?;
    for (name, value) in options.iter().filter(|(name, _)| names.contains(name)) {
        if needs_tls(name, value) && !cfg!(feature = "tls") {
            let reason = "this build has no TLS: turn on the feature `tls` of sessions-sql";
            return Err(OpenError::new(OpenErrorKind::NoTls, reason));
        }
        url.query_pairs_mut().append_pair(name, value);
    }
    // sqlx logs slow statements with their texts, which may contain values.
    O::from_url(&url).map(O::disable_statement_logging).map_err(|_| invalid())
}

fn needs_tls(name: &str, value: &str) -> bool {
    const WITHOUT_TLS: [&str; 5] = ["disable", "disabled", "allow", "prefer", "preferred"];
    name.ends_with("mode") && !WITHOUT_TLS.contains(&&*value.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_modes_need_tls() {
        for (option, is_needed) in [
            ("sslmode=require", true),
            ("sslmode=verify-full", true),
            ("ssl-mode=VERIFY_CA", true),
            ("sslmode=prefer", false),
            ("ssl-mode=DISABLED", false),
            ("sslrootcert=ca.pem", false),
        ] {
            let (name, value) = option.split_once('=').unwrap();
            assert_eq!(needs_tls(name, value), is_needed, "{option}");
        }
    }
}
