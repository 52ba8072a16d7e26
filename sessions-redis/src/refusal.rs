//! Error replies of servers, and what to do about them.

/// The error reply of a server.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    /// The server to ask instead: for this once, announced with ASKING, if the code is `ASK`.
    pub(crate) redirect: Option<Endpoint>,
    /// What follows the name of the server in a message.
    pub(crate) text: String,
}

/// The host and the port of a server, as another server names them.
pub(crate) type Endpoint = (String, u16);

/// The known codes, each with its meaning and the remedy.
const CODES: [(&str, &str); 16] = [
    ("NOAUTH", "asks for a password: put it into the URL as redis://:PASSWORD@host"),
    ("WRONGPASS", "does not accept the user or the password, or wants none: check the URL, redis://USER:PASSWORD@host"),
    ("NOPERM", "does not give this user the rights that a store needs: the documentation of sessions-redis lists them"),
    ("MOVED", "is of a cluster: open it as redis-cluster://host:port"),
    ("ASK", "is of a cluster: open it as redis-cluster://host:port"),
    ("TRYAGAIN", "is moving a slot to another server"),
    ("CLUSTERDOWN", "is of a cluster that is down, or lacks slots: see CLUSTER INFO"),
    ("MASTERDOWN", "is a replica that has lost its primary"),
    ("LOADING", "is still loading its data"),
    ("READONLY", "is a replica, which takes no writes: put the primary into the URL"),
    ("BUSY", "is busy with a script"),
    ("NOSCRIPT", "has forgotten a script"),
    ("OOM", "has no memory left for a write: raise maxmemory"),
    ("MISCONF", "cannot save to its disk, and takes no writes: see its log"),
    ("NOREPLICAS", "has fewer replicas than min-replicas-to-write, and takes no writes"),
    ("WRONGTYPE", "has something else under a session's key: choose a prefix that no other program uses"),
];

/// Any other code.
const OTHER: (&str, &str) =
    ("ERR", "answered with an error that is not shown, since it may quote data: see the server's log (ERR)");

/// Codes of errors that come without, by words in their text.
const NAMES: [(&str, &str); 4] = [
    ("Authentication required", "NOAUTH"),
    // The reply to a long command of an unauthenticated client: `Protocol error: unauthenticated
    // multibulk length`.
    ("unauthenticated", "NOAUTH"),
    ("no permissions", "NOPERM"),
    ("The user executing the script can't", "NOPERM"),
];

/// Errors without a code of their own, by words in their text.
const DETAILS: [(&str, &str); 6] = [
    ("DB index is out of range", "has no such database: choose another in the URL, or raise `databases` in redis.conf"),
    ("SELECT is not allowed in cluster mode", "is of a cluster, which has no database but 0"),
    ("cluster support disabled", "is of no cluster: open it as redis://host:port"),
    ("max number of clients reached", "has as many clients as it accepts: raise maxclients"),
    ("unknown command", "lacks a command: Redis has to be 6.2 or later"),
    ("invalid DB index", "has no such database: choose another in the URL"),
];

impl Refusal {
    /// Classifies a reply by its code and details.
    ///
    /// The details are dropped, since they may quote what was sent.
    pub(crate) fn of(code: &str, details: &str) -> Self {
        let (code, meaning) = classify(code, details);
        let redirect = if matches!(code, "ASK" | "MOVED") { target(details) } else { None };
        Self { code, redirect, text: text(code, meaning, details) }
    }

    /// Returns whether the same command may be accepted later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self.code,
            "MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "LOADING" | "READONLY" | "BUSY"
        )
    }
}

/// Returns the known code of a reply, and its meaning.
fn classify(code: &str, details: &str) -> (&'static str, &'static str) {
    let known = |word: &str| CODES.into_iter().find(|(code, _)| *code == word);
    let named = || NAMES.iter().find(|(words, _)| details.contains(words)).and_then(|(_, code)| known(code));
    // Redis 6 reports an error inside a script as `ERR Error running script (…): -READONLY You
    // can't…`.
    let inner = || details.split([' ', '-']).find_map(known);
    known(code).or_else(named).or_else(inner).unwrap_or(OTHER)
}

fn text(code: &str, meaning: &str, details: &str) -> String {
    if code == OTHER.0 {
        let detail = DETAILS.iter().find(|(words, _)| details.contains(words));
        return detail.map_or(meaning, |(_, meaning)| meaning).to_owned();
    }
    match forbidden(details).filter(|_| code == "NOPERM") {
        Some(command) => format!("{meaning}, `{command}` among them ({code})"),
        None => format!("{meaning} ({code})"),
    }
}

/// Returns the command in `… no permissions to run the 'hgetall' command`.
fn forbidden(details: &str) -> Option<&str> {
    let (_, rest) = details.split_once("run the '")?;
    let (command, _) = rest.split_once('\'')?;
    let is_name = command.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'|' | b'-' | b'_'));
    (is_name && command.len() <= 32).then_some(command)
}

/// Parses `3999 127.0.0.1:6381`.
fn target(details: &str) -> Option<Endpoint> {
    let (host, port) = details.split(' ').nth(1)?.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_errors_of_old_servers_are_recognised() {
        let details = "Error running script (call to f_1): @user_script:3: -READONLY You can't write against a read only replica.";
        assert_eq!(classify("ERR", details).0, "READONLY");
        assert_eq!(classify("ERR", "unknown command").0, "ERR");
        assert_eq!(classify("MOVED", "1 127.0.0.1:1").0, "MOVED");
    }

    #[test]
    fn redirects_to_any_host_are_parsed() {
        assert_eq!(target("3999 ::1:6381"), Some(("::1".to_owned(), 6381)));
        assert_eq!(target("3999 :6381"), Some((String::new(), 6381)));
        assert_eq!(target("3999 ?:6381"), Some(("?".to_owned(), 6381)));
        assert_eq!(target("3999"), None);
    }

    #[test]
    fn a_refusal_names_the_remedy_without_secrets() {
        let told = [
            ("NOAUTH", "Authentication required.", "redis://:PASSWORD@host (NOAUTH)"),
            ("ERR", "Authentication required.", "redis://:PASSWORD@host (NOAUTH)"),
            ("ERR", "Protocol error: unauthenticated multibulk length", "(NOAUTH)"),
            ("WRONGPASS", "invalid username-password pair", "(WRONGPASS)"),
            ("NOPERM", "this user has no permissions to run the 'hgetall' command", "`hgetall` among them (NOPERM)"),
            ("NOPERM", "this user has no permissions to run the 'HUNTER2' command", "lists them (NOPERM)"),
            (
                "ERR",
                "The user executing the script can't run this command or subcommand script: f_1, on @user_script:3.",
                "lists them (NOPERM)",
            ),
            ("ERR", "DB index is out of range", "choose another"),
            ("ERR", "unknown command 'HGETALL', with args beginning with: 'hunter2'", "6.2 or later"),
            ("ERR", "hunter2", "answered with an error"),
            ("HUNTER2", "hunter2", "answered with an error"),
        ];
        for (code, details, end) in told {
            let shown = Refusal::of(code, details).text;
            assert!(shown.contains(end), "{shown}");
            assert!(!shown.to_lowercase().contains("hunter2"), "{shown}");
        }
    }
}
