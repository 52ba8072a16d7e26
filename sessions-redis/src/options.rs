//! Options of a store, and ways to open one.

use std::time::Duration;

use redis::{Client, ConnectionInfo};
use sessions_remote::{Background, OpenError, OpenErrorKind, Options};
use tokio::runtime::Handle;

use crate::address::{self, Address};
use crate::engine::{Redis, RedisStore};
use crate::keys::Keys;
use crate::link::{Cluster, Connection, Given, Link, Node, WaitFor};

/// Default time to wait for replicas.
const WAIT: Duration = Duration::from_millis(500);

/// A builder that opens a [`RedisStore`] with non-default options.
///
/// Opening never waits for a server, nor fails because none answers: a server that is down at the
/// start of the application is treated like one that goes down later.
///
/// ```
/// use std::time::Duration;
/// use sessions_redis::RedisStore;
///
/// let store = RedisStore::builder()
///     .prefix("shop:session:")
///     .load_deadline(Duration::from_millis(200))
///     .open("redis://:password@localhost:6379/1")?;
/// # Ok::<(), sessions_redis::OpenError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisBuilder {
    prefix: Box<str>,
    options: Options,
    wait_for_replicas: Option<WaitFor>,
}

impl Default for RedisBuilder {
    fn default() -> Self {
        Self { prefix: "session:".into(), options: Options::default(), wait_for_replicas: None }
    }
}

impl RedisBuilder {
    /// Sets the prefix of all keys; `session:` by default.
    ///
    /// It keeps sessions apart from the application's own keys, and takes its length in each key.
    ///
    /// Stores that share a database need different prefixes, and none may be the beginning of
    /// another. Braces must form a whole `{tag}`, which determines the slot in a cluster.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into().into();
        self
    }

    sessions_remote::option_setters! {
        ///
        /// A connection without a reply is abandoned after 250 ms, so the default leaves time for a
        /// second try.
        options
    }

    /// Makes logouts, logins, renewals and rotations wait for replicas (`WAIT`), for at most
    /// `within`.
    ///
    /// Off by default: without replicas, nothing could be confirmed and every logout would fail.
    ///
    /// Without it, a primary that dies just after it acknowledged a logout may take the logout with
    /// it: the replica that follows still has the session. In the same way, a token that was
    /// replaced, as at a login, is valid again, and one that a rotation has sent opens nothing. And
    /// a session whose entry in the list of its principal is lost survives when all sessions of its
    /// principal are ended. Ask for as many replicas as each primary has, since any of them may
    /// follow it. If too few replicas confirm, the call fails, although the primary has applied it.
    /// Waiting calls use separate connections, and concurrent ones share one `WAIT`. The deadline
    /// of a write grows by twice `within`, since a login waits for its entry in the list and then
    /// for its session.
    pub const fn wait_for_replicas(mut self, replicas: u32, within: Duration) -> Self {
        self.wait_for_replicas = Some(WaitFor { replicas, within });
        self
    }

    /// Opens the store of a URL.
    ///
    /// | URL | leads to |
    /// |---|---|
    /// | `redis://user:password@host:port/database` | one server |
    /// | `rediss://…` | one server, by TLS (feature `tls`) |
    /// | `redis+unix:///path` | one server, by a Unix socket |
    /// | `redis-cluster://user:password@host:port,host:port` | a cluster, some of whose servers are named |
    /// | `rediss-cluster://…` | a cluster, by TLS (feature `tls`) |
    ///
    /// The same schemes exist with `valkey` for `redis`. The port defaults to 6379 and the database
    /// to 0.
    ///
    /// After a `?` follow these options, separated by `&`. They take precedence over the builder's.
    ///
    /// | option | sets |
    /// |---|---|
    /// | `db`, `user`, `pass` | the database, the user and the password, if they are not given before the `?`. A cluster has no database but 0 |
    /// | `protocol` | `resp2`, the default, or `resp3` |
    /// | `prefix` | [`prefix`](Self::prefix) |
    /// | `load_deadline_ms`, `commit_deadline_ms` | [`load_deadline`](Self::load_deadline) and [`commit_deadline`](Self::commit_deadline) |
    /// | `max_in_flight` | [`max_in_flight`](Self::max_in_flight) |
    /// | `wait_for_replicas` | [`wait_for_replicas`](Self::wait_for_replicas), for at most 500 ms unless the builder says otherwise, so that a write takes at most two seconds |
    ///
    /// In a user or a password, write `/` as `%2F`, `?` as `%3F`, `#` as `%23`, `@` as `%40`, and
    /// after the `?` also `&` as `%26` and `+` as `%2B`. There are no options for TLS: give
    /// certificates to a client, and the client to [`open_client`](Self::open_client).
    ///
    /// # Errors
    ///
    /// Returns [`UrlOption`](OpenErrorKind::UrlOption) for an option that is not in the table, is
    /// there twice or has no fitting value, [`NoTls`](OpenErrorKind::NoTls) for TLS without the
    /// feature, [`Options`](OpenErrorKind::Options) for options that contradict each other, and
    /// [`Url`](OpenErrorKind::Url) for anything else. The error says what is wrong, and shows no
    /// user, no password and not the URL.
    pub fn open(mut self, url: &str) -> Result<RedisStore, OpenError> {
        let (address, url) = address::parse(url)?;
        self.options.read(&url)?;
        if let Some(prefix) = url.get("prefix") {
            self.prefix = prefix.into();
        }
        if let Some(replicas) = url.number("wait_for_replicas")? {
            let within = self.wait_for_replicas.map_or(WAIT, |wait| wait.within);
            self.wait_for_replicas = Some(WaitFor { replicas, within });
        }
        self.open_address(&address)
    }

    /// Opens a store on the server of a client, which may have its own certificates.
    ///
    /// The client's [`TcpSettings`](redis::io::tcp::TcpSettings) are used, except for the linger
    /// time, which a client does not expose. A client that redis-rs makes from a URL delays small
    /// requests (Nagle's algorithm, RFC 896); [`open`](Self::open) does not.
    ///
    /// # Errors
    ///
    /// Fails if options contradict each other, if the client has a user without a password, or if
    /// this build has no TLS and the client needs it.
    pub fn open_client(self, client: &Client) -> Result<RedisStore, OpenError> {
        self.open_address(&Address::Server(Box::new(client.get_connection_info().clone())))
    }

    /// Opens a store on a cluster, given some of its servers.
    ///
    /// User, password and TLS are those of the first one.
    ///
    /// # Errors
    ///
    /// Fails without a server, if options contradict each other, if a server has a user without a
    /// password, or if this build has no TLS and a server needs it.
    pub fn open_cluster(self, servers: impl IntoIterator<Item = ConnectionInfo>) -> Result<RedisStore, OpenError> {
        self.open_address(&Address::Cluster(servers.into_iter().collect()))
    }

    fn open_address(self, address: &Address) -> Result<RedisStore, OpenError> {
        match address {
            Address::Server(server) => {
                address::check_support(server)?;
                self.open_link(|runtime, slack| Link::Node(Node::new(server, runtime, slack)))
            }
            Address::Cluster(servers) => {
                servers.iter().try_for_each(address::check_support)?;
                let [template, ..] = &servers[..] else {
                    return Err(OpenError::new(OpenErrorKind::Options, "a cluster has at least one server"));
                };
                self.open_link(|runtime, slack| Link::Cluster(Cluster::new(template, servers, runtime, slack)))
            }
        }
    }

    /// Opens a store on an existing connection.
    ///
    /// Call this on the tokio runtime where the connection was made. The store sends from there,
    /// and the connection outlives the store.
    ///
    /// # Errors
    ///
    /// Fails if options contradict each other, among them
    /// [`wait_for_replicas`](Self::wait_for_replicas): other users of the connection would have to
    /// wait.
    pub fn open_connection(self, connection: impl Into<Connection>) -> Result<RedisStore, OpenError> {
        if self.wait_for_replicas.is_some() {
            let reason = "`wait_for_replicas` needs a connection that nobody else uses: use `open` or `open_client`";
            return Err(OpenError::new(OpenErrorKind::Options, reason));
        }
        let connection = connection.into();
        self.open_link(|_, _| Link::Given(Given::new(connection.clone())))
    }

    /// Opens a store on the links that `link` makes, given their runtime and the time for which the
    /// server may wait before it replies.
    fn open_link(self, link: impl Fn(&Handle, Duration) -> Link) -> Result<RedisStore, OpenError> {
        self.options.check()?;
        let keys = Keys::new(self.prefix);
        if !keys.can_be_tags() {
            return Err(OpenError::new(OpenErrorKind::Options, "braces in `prefix` have to be a whole {tag}"));
        }
        // With several crypto providers available and none chosen, rustls panics.
        #[cfg(feature = "tls")]
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have chosen first.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let background = Background::start("sessions-redis")?;
        let link = |slack| link(background.handle(), slack);
        let slack = self.wait_for_replicas.map_or(Duration::ZERO, |wait| wait.within);
        let patient = self.wait_for_replicas.map(|wait| (link(slack), wait));
        let engine = Redis { keys, link: link(Duration::ZERO), patient };
        // So that the first request need not wait for it.
        engine.link.refresh();
        // A login waits twice.
        let deadline = self.options.commit_deadline.saturating_add(slack.saturating_mul(2));
        Ok(RedisStore::with_background(engine, self.options.commit_deadline(deadline), background))
    }
}
