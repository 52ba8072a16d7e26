//! Parser for URLs: the servers and a few options.

use std::borrow::Cow;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use sessions_remote::{OpenError, OpenErrorKind, PERCENT_ENCODING, UrlOptions};
use url::{ParseError, Url};

/// Servers to connect to.
#[derive(Debug)]
pub(crate) enum Address {
    Server(Box<ConnectionInfo>),
    /// Some servers of a cluster.
    Cluster(Vec<ConnectionInfo>),
}

/// The URL options of this store, beside those of each remote store.
const OWN: &[&str] = &["prefix", "wait_for_replicas", "db", "user", "pass", "protocol"];

/// The values of the option `protocol`.
const PROTOCOLS: &[(&str, ProtocolVersion)] = &[
    ("resp2", ProtocolVersion::RESP2),
    ("resp3", ProtocolVersion::RESP3),
    ("2", ProtocolVersion::RESP2),
    ("3", ProtocolVersion::RESP3),
];

/// Parses a URL into its servers and the options of the store.
pub(crate) fn parse(url: &str) -> Result<(Address, UrlOptions), OpenError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(unknown_scheme)?;
    match scheme {
        "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" | "valkey+unix" => {
            let (info, options) = server(url)?;
            Ok((Address::Server(Box::new(info)), options))
        }
        "redis-cluster" | "valkey-cluster" => cluster("redis", rest),
        "rediss-cluster" | "valkeys-cluster" => cluster("rediss", rest),
        _ => Err(unknown_scheme()),
    }
}

fn url_error(reason: impl Into<Cow<'static, str>>) -> OpenError {
    OpenError::new(OpenErrorKind::Url, reason)
}

fn unknown_scheme() -> OpenError {
    url_error(
        "the URL begins with none of redis://, rediss://, redis+unix://, redis-cluster:// and rediss-cluster:// \
         (or the same with valkey)",
    )
}

/// Parses `user:password@host:port,host:port/?options`.
///
/// All servers share everything but host and port.
fn cluster(scheme: &str, rest: &str) -> Result<(Address, UrlOptions), OpenError> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, hosts) = match authority.rsplit_once('@') {
        // A second one, or a host before it, would silently become part of the password.
        Some((user, _)) if user.contains([',', '@']) => {
            let reason =
                "user and password stand once, before the first host; in them, write `,` as %2C and `@` as %40";
            return Err(url_error(reason));
        }
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let mut servers = Vec::new();
    let mut options = UrlOptions::default();
    for host in hosts.split(',') {
        let (info, found) = server(&format!("{scheme}://{user}{host}{tail}"))?;
        servers.push(info);
        options = found;
    }
    if servers.iter().any(|info| info.redis_settings().db() != 0) {
        return Err(url_error("a cluster has no database but 0"));
    }
    Ok((Address::Cluster(servers), options))
}

/// Parses the URL of one server.
fn server(text: &str) -> Result<(ConnectionInfo, UrlOptions), OpenError> {
    let mut url = Url::parse(text).map_err(|error| unreadable(text, error))?;
    check(&url)?;
    let options = UrlOptions::parse(url.query().unwrap_or_default(), OWN)?;
    if options.get("db").is_some() && !is_socket(url.scheme()) && !database(&url).is_empty() {
        return Err(twice("db"));
    }
    url.set_query(None);
    // redis-rs quotes the URL in its message. After `check`, this is the only possible complaint.
    let complaint = |_| url_error("the user or the password is no UTF-8");
    let info = with_access(url.into_connection_info().map_err(complaint)?, &options)?;
    // Nagle's algorithm would delay a request until the previous one is answered (RFC 896).
    let settings = info.tcp_settings().clone().set_nodelay(true);
    Ok((info.set_tcp_settings(settings), options))
}

fn unreadable(text: &str, error: ParseError) -> OpenError {
    let rest = text.rsplit_once('@').or_else(|| text.split_once("://"));
    let hosts = rest.and_then(|(_, rest)| rest.split(['/', '?']).next()).unwrap_or_default();
    url_error(match error {
        ParseError::EmptyHost | ParseError::InvalidPort if is_socket(text) => NO_HOST.to_owned(),
        ParseError::EmptyHost => format!("a host is missing {PERCENT_ENCODING}"),
        // A comma before the `@` belongs to the user or the password.
        ParseError::InvalidPort if hosts.contains(',') => SEVERAL.to_owned(),
        ParseError::InvalidPort => format!("the port is no number from 1 to 65535 {PERCENT_ENCODING}"),
        ParseError::InvalidIpv6Address => format!("the address in brackets is no IPv6 address {PERCENT_ENCODING}"),
        _ => format!("the host is neither a name nor an address {PERCENT_ENCODING}"),
    })
}

const SEVERAL: &str = "several servers are a cluster: redis-cluster://host:port,host:port";
const NO_HOST: &str = "a Unix socket has a path, and no host, port or user before it: \
                       redis+unix:///run/redis.sock?user=USER&pass=PASSWORD";

fn is_socket(url: &str) -> bool {
    url.split(':').next().is_some_and(|scheme| scheme.ends_with("unix"))
}

/// Refuses what redis-rs refuses without a reason, and what it does not notice.
fn check(url: &Url) -> Result<(), OpenError> {
    if let Some(fragment) = url.fragment() {
        return Err(url_error(match fragment {
            "insecure" => {
                "`#insecure` is not supported: give the server's certificate to `RedisBuilder::open_client`".into()
            }
            _ => format!("nothing may follow a `#` {PERCENT_ENCODING}"),
        }));
    }
    if is_socket(url.scheme()) { check_socket(url) } else { check_server(url) }
}

fn check_socket(url: &Url) -> Result<(), OpenError> {
    if !url.authority().is_empty() || url.path().len() <= 1 {
        return Err(url_error(NO_HOST));
    }
    Ok(())
}

fn check_server(url: &Url) -> Result<(), OpenError> {
    if matches!(url.scheme(), "rediss" | "valkeys") && !cfg!(feature = "tls") {
        return Err(OpenError::no_tls("sessions-redis"));
    }
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Err(url_error(format!("a host is missing {PERCENT_ENCODING}")));
    }
    if host.contains(',') {
        return Err(url_error(SEVERAL));
    }
    if matches!(host, "0.0.0.0" | "[::]") {
        return Err(url_error("0.0.0.0 and [::] are addresses to listen on; name the one to connect to"));
    }
    if url.port() == Some(0) {
        return Err(unreadable("", ParseError::InvalidPort));
    }
    if !database(url).is_empty() && database(url).parse::<u32>().is_err() {
        let reason = format!("the database after the host is no number, as in redis://host:6379/1 {PERCENT_ENCODING}");
        return Err(url_error(reason));
    }
    Ok(())
}

fn database(url: &Url) -> &str {
    url.path().trim_matches('/')
}

fn twice(name: &str) -> OpenError {
    OpenError::url_option(name, "is set twice: before and after the `?`")
}

/// Merges the access from the query into the connection.
fn with_access(info: ConnectionInfo, options: &UrlOptions) -> Result<ConnectionInfo, OpenError> {
    let mut settings = info.redis_settings().clone();
    if let Some(protocol) = options.one_of("protocol", PROTOCOLS)? {
        settings = settings.set_protocol(protocol);
    }
    if let Some(database) = options.number("db")? {
        settings = settings.set_db(database.into());
    }
    if let Some(user) = options.get("user") {
        if settings.username().is_some() {
            return Err(twice("user"));
        }
        settings = settings.set_username(user);
    }
    if let Some(password) = options.get("pass") {
        if settings.password().is_some() {
            return Err(twice("pass"));
        }
        settings = settings.set_password(password);
    }
    let info = info.set_redis_settings(settings);
    check_user(&info, OpenErrorKind::Url)?;
    Ok(info)
}

/// Refuses a user without a password: redis-rs would send nothing, and the server would use the
/// default user for everything.
fn check_user(info: &ConnectionInfo, kind: OpenErrorKind) -> Result<(), OpenError> {
    let reason = "a user needs a password, as in redis://USER:PASSWORD@host; one who has none may give any";
    let settings = info.redis_settings();
    let is_alone = settings.username().is_some() && settings.password().is_none();
    if is_alone { Err(OpenError::new(kind, reason)) } else { Ok(()) }
}

/// Refuses a server that this build cannot connect to, or not as the user that is meant.
pub(crate) fn check_support(info: &ConnectionInfo) -> Result<(), OpenError> {
    check_user(info, OpenErrorKind::Options)?;
    match info.addr() {
        address if address.is_supported() => Ok(()),
        ConnectionAddr::Unix(_) => Err(OpenError::new(OpenErrorKind::Options, "this system has no Unix sockets")),
        _ => Err(OpenError::no_tls("sessions-redis")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisStore;

    fn servers(url: &str) -> Vec<ConnectionInfo> {
        match parse(url).unwrap().0 {
            Address::Server(info) => vec![*info],
            Address::Cluster(servers) => servers,
        }
    }

    fn addresses(url: &str) -> Vec<String> {
        servers(url).iter().map(|info| info.addr().to_string()).collect()
    }

    #[test]
    fn every_url_scheme_is_parsed() {
        assert_eq!(addresses("redis://one"), ["one:6379"]);
        assert_eq!(addresses("redis://user:p%40ss@[::1]:7000/3"), ["::1:7000"]);
        assert_eq!(addresses("redis+unix:///run/redis.sock?db=2"), ["/run/redis.sock"]);
        assert_eq!(addresses("redis-cluster://a:1,b:2,c"), ["a:1", "b:2", "c:6379"]);
        assert_eq!(addresses("redis-cluster://u:p@a:1,b:2/0?prefix=x"), ["a:1", "b:2"]);
    }

    #[test]
    fn user_password_and_database_are_read() {
        let Address::Server(info) = parse("redis://me:p%2Fw@h/5?prefix=a").unwrap().0 else {
            panic!("one server");
        };
        let settings = info.redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("me"), Some("p/w"), 5));
    }

    #[test]
    fn nagles_algorithm_is_off() {
        for url in ["redis://h", "redis-cluster://h"] {
            assert!(servers(url).iter().all(|info| info.tcp_settings().nodelay()), "{url}");
        }
    }

    #[test]
    fn options_are_not_passed_on() {
        let url = "redis://h?prefix=a%3Ab%3A&wait_for_replicas=1&max_in_flight=9&protocol=resp3";
        let (_, options) = parse(url).unwrap();
        assert_eq!((options.get("prefix"), options.number("wait_for_replicas").unwrap()), (Some("a:b:"), Some(1)));
        assert_eq!(addresses(url), ["h:6379"]);
    }

    #[test]
    fn access_may_be_in_the_query() {
        let urls = [
            "redis://h?db=3&user=me&pass=p%2Fw",
            "redis://me:p%2Fw@h?db=3",
            "redis://me@h/3?pass=p%2Fw",
            "rediss://h/?db=3&user=me&pass=p%2Fw",
            "redis+unix:///run/redis.sock?db=3&user=me&pass=p%2Fw",
        ];
        for url in urls {
            let servers = servers(url);
            let settings = servers[0].redis_settings();
            assert_eq!(
                (settings.username(), settings.password(), settings.db()),
                (Some("me"), Some("p/w"), 3),
                "{url}"
            );
        }
        for info in servers("redis-cluster://a,b?user=me&pass=pw&protocol=3") {
            let settings = info.redis_settings();
            assert_eq!((settings.username(), settings.password()), (Some("me"), Some("pw")));
            assert_eq!(settings.protocol(), ProtocolVersion::RESP3);
        }
    }

    #[test]
    fn other_urls_are_refused_without_secrets() {
        let none = "begins with none of redis://";
        let socket = "a Unix socket has a path";
        let bad = [
            ("", none),
            ("hunter2", none),
            ("http://hunter2@h", none),
            ("redis://:hunter2@h/abc", "the database after the host is no number"),
            ("redis://:hunter2@h/-1", "the database after the host is no number"),
            ("redis://h/hunter2", "the database after the host is no number"),
            ("redis://u:1/hunter2@h", "the database after the host is no number"),
            ("redis://h:hunter2", "the port is no number from 1 to 65535"),
            ("redis://:hunter2@h:notaport", "the port is no number from 1 to 65535"),
            ("redis://:hunter2@h:0", "the port is no number from 1 to 65535"),
            ("redis://:hunter2@h:65536", "the port is no number from 1 to 65535"),
            ("redis://u:hunter2?x@h", "the port is no number from 1 to 65535"),
            ("redis://u:1#hunter2@h", "nothing may follow a `#`"),
            ("redis://:hunter2@", "a host is missing"),
            ("redis://", "a host is missing"),
            ("redis://:hunter2@a,b", "several servers are a cluster"),
            ("redis://:hunter2@a:1,b:2", "several servers are a cluster"),
            ("redis://a:1,b:2", "several servers are a cluster"),
            ("redis://:hunter2,x@h:notaport", "the port is no number from 1 to 65535"),
            ("redis://:hunter2@h:notaport/1?prefix=a,b", "the port is no number from 1 to 65535"),
            ("redis://h:notaport?prefix=a,b", "the port is no number from 1 to 65535"),
            ("redis://:hunter2@0.0.0.0", "the one to connect to"),
            ("redis://:hunter2@[::]", "the one to connect to"),
            ("redis://:hunter2@[::x]", "no IPv6 address"),
            ("redis://:hunter2@a b", "the host is neither a name nor an address"),
            ("redis://:hunter2%ff@h", "is no UTF-8"),
            ("redis://hunter2@h", "a user needs a password"),
            ("redis-cluster://:hunter2@", "a host is missing"),
            ("redis-cluster://:hunter2@a,,b", "a host is missing"),
            ("redis-cluster://:hunter2@a/3", "a cluster has no database but 0"),
            ("redis-cluster://:hunter2@a?db=3", "a cluster has no database but 0"),
            ("redis-cluster://u:hunter2@a,u:hunter2@b", "once, before the first host"),
            ("redis-cluster://a,u:hunter2@b", "once, before the first host"),
            ("redis-cluster://:hunter2@a,b:notaport", "the port is no number from 1 to 65535"),
            ("redis+unix://h/run/redis.sock?pass=hunter2", socket),
            ("redis+unix://u:hunter2@/run/redis.sock", socket),
            ("redis+unix://:hunter2@localhost/run/redis.sock", socket),
            ("redis+unix://?pass=hunter2", socket),
            ("rediss://:hunter2@h#insecure", "`#insecure` is not supported"),
        ];
        for (url, cause) in bad {
            let error = parse(url).unwrap_err();
            assert_eq!((error.kind(), error.option()), (OpenErrorKind::Url, None), "{url}");
            assert!(error.to_string().contains(cause), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_user_without_a_password_is_refused() {
        let client = redis::Client::open("redis://hunter2@h").unwrap();
        let info = client.get_connection_info().clone();
        let refused = [RedisStore::builder().open_client(&client), RedisStore::builder().open_cluster([info])];
        for error in refused.map(Result::unwrap_err) {
            assert_eq!(error.kind(), OpenErrorKind::Options);
            assert!(error.to_string().contains("a user needs a password"), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_refused_option_is_named_unless_secret() {
        let bad = [
            ("redis://:hunter2@h?databse=3", Some("databse")),
            ("redis://:hunter2@h?password=hunter2", Some("password")),
            ("rediss://h?ssl_cert_reqs=none&pass=hunter2", Some("ssl_cert_reqs")),
            ("redis+unix:///run/redis.sock?timeout=hunter2", Some("timeout")),
            ("redis-cluster://:hunter2@a,b?read_from=replicas", Some("read_from")),
            ("redis://:hunter2@h?max_in_flight=hunter2", Some("max_in_flight")),
            ("redis://:hunter2@h?wait_for_replicas=all", Some("wait_for_replicas")),
            ("redis://h?db=hunter2", Some("db")),
            ("redis://h?db=-1", Some("db")),
            ("redis+unix:///run/redis.sock?db=hunter2", Some("db")),
            ("redis://h?protocol=hunter2", Some("protocol")),
            ("redis://h?db=1&db=2", Some("db")),
            ("redis://h?prefix=a&prefix=b", Some("prefix")),
            ("redis://h/1?db=2", Some("db")),
            ("redis://h/0?db=2", Some("db")),
            ("redis://u:hunter2@h?user=v", Some("user")),
            ("redis://:hunter2@h?pass=hunter3", Some("pass")),
            ("redis://u:1?hunter2@h", None),
            ("redis://u:1?hunter2=x@h", None),
            ("redis://h?=hunter2", None),
        ];
        for (url, option) in bad {
            let error = RedisStore::open(url).unwrap_err();
            assert_eq!((error.kind(), error.option()), (OpenErrorKind::UrlOption, option), "{url}");
            let shown = format!("{error} {error:?}");
            assert!(option.is_none_or(|option| error.to_string().contains(&format!("`{option}`"))), "{shown}");
            assert!(!shown.contains("hunter"), "{shown}");
        }
    }
}
