//! How a server is to be started.

use crate::server::Server;

/// Says how a server is to be started.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Options {
    pub(crate) arguments: Vec<String>,
    pub(crate) password: Option<String>,
    pub(crate) tls: bool,
    pub(crate) cluster: bool,
}

impl Options {
    /// Begins with a server without a password that keeps nothing on disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a password of the default user.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.argument("--requirepass", password)
    }

    /// Adds a line of the configuration, as `--name value`.
    pub fn argument(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Has the server write every command to disk before it answers, so that a restart loses
    /// nothing.
    pub fn durable(self) -> Self {
        self.argument("--appendonly", "yes").argument("--appendfsync", "always")
    }

    /// Has the server speak TLS alone, with a certificate for `localhost` made for it.
    pub const fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Has the server be of a cluster, as yet alone and without slots.
    pub fn cluster(mut self) -> Self {
        self.cluster = true;
        self.argument("--cluster-enabled", "yes").argument("--cluster-node-timeout", "1000")
    }

    /// Starts the server, and waits until it answers.
    ///
    /// # Panics
    ///
    /// Panics if it does not.
    #[must_use]
    pub fn start(self) -> Server {
        Server::with(self)
    }
}
