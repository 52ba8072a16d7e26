//! Options for starting a server.

use crate::server::Server;

/// Options for starting a server.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Options {
    pub(crate) arguments: Vec<String>,
    pub(crate) password: Option<String>,
    pub(crate) tls: bool,
    pub(crate) cluster: bool,
    pub(crate) valkey: bool,
}

impl Options {
    /// Returns options for a server without a password that keeps nothing on disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires a password from the default user.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.argument("--requirepass", password)
    }

    /// Adds a configuration directive, as `--name value`.
    pub fn argument(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Makes the server write every command to disk before it answers.
    ///
    /// A restart then loses nothing.
    pub fn durable(self) -> Self {
        self.argument("--appendonly", "yes").argument("--appendfsync", "always")
    }

    /// Makes the server accept TLS only, with a new certificate for `localhost`.
    pub const fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts the server in cluster mode, without peers or slots.
    pub fn cluster(mut self) -> Self {
        self.cluster = true;
        self.argument("--cluster-enabled", "yes").argument("--cluster-node-timeout", "1000")
    }

    /// Starts a Valkey server in place of a Redis server.
    ///
    /// See [`valkey_is_installed`](crate::valkey_is_installed). The one that xtask installs has no
    /// TLS.
    pub const fn valkey(mut self) -> Self {
        self.valkey = true;
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    #[must_use]
    pub fn start(self) -> Server {
        Server::with(self)
    }
}
