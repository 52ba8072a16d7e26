//! What a URL says: where the servers are, and a few options.

use std::fmt;
use std::time::Duration;

use redis::{Client, ConnectionInfo, IntoConnectionInfo};
use url::Url;

use crate::error::{OpenError, OpenErrorKind};

/// Is what a URL leads to.
pub(crate) enum Address {
    Server(Box<Client>),
    Cluster(Vec<Client>),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server(_) => "Server(..)",
            Self::Cluster(_) => "Cluster(..)",
        })
    }
}

/// Is an option that stood in a URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UrlOption {
    Prefix(String),
    LoadDeadline(Duration),
    CommitDeadline(Duration),
    MaxInFlight(usize),
    WaitForReplicas(u32),
}

/// Reads a URL. The options of the store are taken out of it; the rest is for redis-rs.
pub(crate) fn parse(url: &str) -> Result<(Address, Vec<UrlOption>), OpenError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| OpenError::new(OpenErrorKind::Url))?;
    match scheme {
        "redis" | "rediss" | "valkey" | "valkeys" | "unix" | "redis+unix" | "valkey+unix" => {
            let (url, options) = take_options(url)?;
            Ok((Address::Server(Box::new(client(url.as_str())?)), options))
        }
        "redis-cluster" | "valkey-cluster" => cluster("redis", rest),
        "rediss-cluster" | "valkeys-cluster" => cluster("rediss", rest),
        _ => Err(OpenError::because(OpenErrorKind::Url, "it has an unknown scheme")),
    }
}

/// Reads `user:password@host:port,host:port/?options`: the same for each server but its host and port.
fn cluster(scheme: &str, rest: &str) -> Result<(Address, Vec<UrlOption>), OpenError> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let mut clients = Vec::new();
    let mut options = Vec::new();
    for host in hosts.split(',') {
        if host.is_empty() {
            return Err(OpenError::because(OpenErrorKind::Url, "it lacks a host"));
        }
        let (url, found) = take_options(&format!("{scheme}://{user}{host}{tail}"))?;
        clients.push(client(url.as_str())?);
        options = found;
    }
    if clients.iter().any(|client| client.get_connection_info().redis_settings().db() != 0) {
        return Err(OpenError::because(OpenErrorKind::Url, "a cluster has no database but 0"));
    }
    Ok((Address::Cluster(clients), options))
}

fn client(url: &str) -> Result<Client, OpenError> {
    // What redis-rs says about a URL quotes it.
    let info: ConnectionInfo = url.into_connection_info().map_err(|_| unreadable(url))?;
    // Otherwise a request would wait until that before it is answered (RFC 896).
    let settings = info.tcp_settings().clone().set_nodelay(true);
    from_info(info.set_tcp_settings(settings))
}

pub(crate) fn from_info(info: ConnectionInfo) -> Result<Client, OpenError> {
    if !info.addr().is_supported() {
        return Err(OpenError::new(OpenErrorKind::NoTls));
    }
    Client::open(info).map_err(|_| OpenError::new(OpenErrorKind::Url))
}

fn unreadable(url: &str) -> OpenError {
    let wants_tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
    let kind = if wants_tls && !cfg!(feature = "tls") { OpenErrorKind::NoTls } else { OpenErrorKind::Url };
    OpenError::new(kind)
}

fn take_options(url: &str) -> Result<(Url, Vec<UrlOption>), OpenError> {
    let mut url = Url::parse(url).map_err(|_| OpenError::new(OpenErrorKind::Url))?;
    let mut options = Vec::new();
    let mut others = Vec::new();
    for (name, value) in url.query_pairs() {
        match option(&name, &value)? {
            Some(option) => options.push(option),
            None => others.push((name.into_owned(), value.into_owned())),
        }
    }
    url.set_query(None);
    if !others.is_empty() {
        url.query_pairs_mut().extend_pairs(others);
    }
    Ok((url, options))
}

fn option(name: &str, value: &str) -> Result<Option<UrlOption>, OpenError> {
    let number = || {
        let complaint = || OpenError::because(OpenErrorKind::Url, format!("`{name}` is not a number"));
        value.parse::<u32>().map_err(|_| complaint())
    };
    let millis = || number().map(|number| Duration::from_millis(number.into()));
    Ok(Some(match name {
        "prefix" => UrlOption::Prefix(value.to_owned()),
        "load_deadline_ms" => UrlOption::LoadDeadline(millis()?),
        "commit_deadline_ms" => UrlOption::CommitDeadline(millis()?),
        "max_in_flight" => UrlOption::MaxInFlight(number()? as usize),
        "wait_for_replicas" => UrlOption::WaitForReplicas(number()?),
        "db" | "user" | "pass" | "protocol" => return Ok(None),
        _ => return Err(OpenError::because(OpenErrorKind::Url, "it has an unknown option")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(url: &str) -> Vec<Client> {
        match parse(url).unwrap().0 {
            Address::Server(client) => vec![*client],
            Address::Cluster(clients) => clients,
        }
    }

    fn addresses(url: &str) -> Vec<String> {
        clients(url).iter().map(|client| client.get_connection_info().addr().to_string()).collect()
    }

    #[test]
    fn every_kind_of_url_leads_to_its_servers() {
        assert_eq!(addresses("redis://one"), ["one:6379"]);
        assert_eq!(addresses("redis://user:p%40ss@[::1]:7000/3"), ["::1:7000"]);
        assert_eq!(addresses("redis+unix:///run/redis.sock?db=2"), ["/run/redis.sock"]);
        assert_eq!(addresses("redis-cluster://a:1,b:2,c"), ["a:1", "b:2", "c:6379"]);
        assert_eq!(addresses("redis-cluster://u:p@a:1,b:2/0?prefix=x"), ["a:1", "b:2"]);
    }

    #[test]
    fn user_password_and_database_are_read() {
        let Address::Server(client) = parse("redis://me:p%2Fw@h/5?prefix=a").unwrap().0 else {
            panic!("one server");
        };
        let settings = client.get_connection_info().redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("me"), Some("p/w"), 5));
    }

    #[test]
    fn no_request_is_kept_back_until_another_is_answered() {
        for url in ["redis://h", "redis-cluster://h"] {
            assert!(clients(url).iter().all(|client| client.get_connection_info().tcp_settings().nodelay()), "{url}");
        }
    }

    #[test]
    fn options_are_read_and_kept_from_redis() {
        let url = "redis://h?prefix=a%3Ab%3A&load_deadline_ms=5&commit_deadline_ms=7&max_in_flight=9&wait_for_replicas=1\
                   &protocol=resp3";
        let options = [
            UrlOption::Prefix("a:b:".to_owned()),
            UrlOption::LoadDeadline(Duration::from_millis(5)),
            UrlOption::CommitDeadline(Duration::from_millis(7)),
            UrlOption::MaxInFlight(9),
            UrlOption::WaitForReplicas(1),
        ];
        assert_eq!(parse(url).unwrap().1, options);
    }

    #[test]
    fn anything_else_is_refused_without_being_repeated() {
        let bad = [
            "",
            "hunter2",
            "http://hunter2@h",
            "redis://:hunter2@h/nodb",
            "redis-cluster://:hunter2@",
            "redis://h:hunter2",
            "redis-cluster://:hunter2@a,,b",
            "redis-cluster://:hunter2@a/3",
            "redis://:hunter2@h?max_in_flight=x",
            "redis://:hunter2@h?wait_for_replicas=all",
            "redis://h?hunter2=1",
        ];
        for url in bad {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind(), OpenErrorKind::Url, "{url}");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
