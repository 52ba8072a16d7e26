//! Why a try failed, without any secrets of the call.

use std::error::Error as StdError;
use std::fmt;

use redis::{Client, ConnectionAddr, ErrorKind, RedisError, ServerError};
use sessions_remote::Failure;

use crate::refusal::Refusal;

/// The reason why one try failed.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing was sent.
    Unreached(Cause),
    /// The command was sent, but no reply came: it may or may not be done.
    Lost(Cause),
    /// The server refused the command, so nothing was done.
    Refused { refusal: Refusal, server: String },
}

impl Fault {
    /// Converts an error that redis-rs reports for a command that may have been sent.
    pub(crate) fn of_sent(error: &RedisError) -> Self {
        match server_error(error) {
            Some(server) => Self::refused(server),
            None => Self::Lost(Cause::new(error)),
        }
    }

    /// Converts an error that redis-rs reports for a connection that it could not open.
    pub(crate) fn of_connecting(error: &RedisError) -> Self {
        match server_error(error) {
            Some(server) => Self::refused(server),
            // redis-rs does not pass on the server's reply to AUTH.
            None if error.kind() == ErrorKind::AuthenticationFailed => {
                Self::Refused { refusal: Refusal::of("WRONGPASS", ""), server: "the server".to_owned() }
            }
            None => Self::Unreached(Cause::new(error)),
        }
    }

    /// Converts the error reply of a server.
    pub(crate) fn refused(error: &ServerError) -> Self {
        Self::Refused { refusal: Refusal::new(error), server: "the server".to_owned() }
    }

    pub(crate) const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.code()),
            _ => None,
        }
    }

    /// Returns whether another try may succeed.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreached(_) | Self::Lost(_) => true,
            Self::Refused { refusal, .. } => refusal.may_pass(),
        }
    }

    /// Adds the name of the server to the message.
    pub(crate) fn at(self, server: impl fmt::Display) -> Self {
        match self {
            Self::Unreached(cause) => Self::Unreached(cause.at(server)),
            Self::Lost(cause) => Self::Lost(cause.at(server)),
            Self::Refused { refusal, .. } => Self::Refused { refusal, server: server.to_string() },
        }
    }

    pub(crate) fn cause(self) -> Cause {
        match self {
            Self::Unreached(cause) | Self::Lost(cause) => cause,
            Self::Refused { refusal, server } => Cause(format!("{server} {refusal}")),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let new: fn(Cause) -> Self = match &fault {
            Fault::Lost(_) => Self::lost,
            Fault::Unreached(_) => Self::unreached,
            Fault::Refused { refusal, .. } if refusal.may_pass() => Self::unreached,
            Fault::Refused { refusal, .. } => match refusal.code() {
                "OOM" => Self::full,
                "WRONGTYPE" => Self::unreadable,
                _ => Self::refused,
            },
        };
        new(fault.cause())
    }
}

fn server_error(error: &RedisError) -> Option<&ServerError> {
    StdError::source(error).and_then(|source| source.downcast_ref())
}

/// A cause that is safe to log.
///
/// redis-rs's own error is not: it quotes the server's reply, which may quote the command.
#[derive(Clone, Debug)]
pub(crate) struct Cause(String);

impl Cause {
    pub(crate) fn new(error: &RedisError) -> Self {
        match error.kind() {
            // A message of the system or of TLS, which does not contain what was sent.
            ErrorKind::Io => Self(in_lower_case(&error.to_string())),
            // redis-rs does not pass on the server's reply to AUTH.
            ErrorKind::AuthenticationFailed => Self::refusal(&Refusal::of("WRONGPASS", "")),
            ErrorKind::Server(_) | ErrorKind::Extension => {
                Self::refusal(&Refusal::of(error.code().unwrap_or("ERR"), error.detail().unwrap_or_default()))
            }
            _ => Self(in_lower_case(error.category())),
        }
    }

    fn refusal(refusal: &Refusal) -> Self {
        Self(format!("the server {refusal}"))
    }

    pub(crate) const fn text(text: String) -> Self {
        Self(text)
    }

    /// Adds the name of the server.
    pub(crate) fn at(self, server: impl fmt::Display) -> Self {
        Self(format!("{server}: {}", self.0))
    }
}

/// Returns a foreign message in the style of ours.
fn in_lower_case(text: &str) -> String {
    let mut letters = text.chars();
    let is_word = letters.clone().nth(1).is_some_and(char::is_lowercase);
    match letters.next().filter(|_| is_word) {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text.to_owned(),
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}

/// Returns a server's name for errors: `host:port`, or the path of its socket.
pub(crate) fn name_of(client: &Client) -> String {
    match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } if host.contains(':') => {
            format!("[{host}]:{port}")
        }
        address => address.to_string(),
    }
}
