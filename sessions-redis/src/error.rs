//! Why a try failed, without any secrets of the call.

use std::error::Error as StdError;

use redis::{Arg, Cmd, ErrorKind, RedisError, RedisResult, ServerError, Value};
use sessions_remote::Failure;

use crate::refusal::Refusal;

/// The reason why one try failed, with a cause that is safe to log.
///
/// redis-rs's own error is not: it quotes the server's reply, which may quote the command.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing was sent.
    Unreached(String),
    /// The command was sent, but no reply came: it may or may not be done.
    Lost(String),
    /// The server refused the command, so nothing was done.
    Refused(Refusal),
}

impl Fault {
    /// Returns the reply to a command that may have been sent.
    pub(crate) fn check(reply: RedisResult<Value>) -> Result<Value, Self> {
        reply.and_then(Value::extract_error).map_err(|error| Self::of_sent(&error))
    }

    fn of_sent(error: &RedisError) -> Self {
        match StdError::source(error).and_then(|source| source.downcast_ref::<ServerError>()) {
            Some(reply) => Self::Refused(Refusal::of(reply.code(), reply.details().unwrap_or_default())),
            None => Self::Lost(cause(error)),
        }
    }

    /// Converts an error that redis-rs reports for a connection that it could not open.
    pub(crate) fn of_connecting(error: &RedisError) -> Self {
        match Self::of_sent(error) {
            // redis-rs does not pass on the server's reply to AUTH.
            Self::Lost(_) if error.kind() == ErrorKind::AuthenticationFailed => {
                Self::Refused(Refusal::of("WRONGPASS", ""))
            }
            Self::Lost(cause) => Self::Unreached(cause),
            refused => refused,
        }
    }

    /// Describes a reply to a command that no server sends.
    pub(crate) fn odd_reply(to: &Cmd) -> Self {
        let name = match to.args_iter().next() {
            Some(Arg::Simple(name)) => String::from_utf8_lossy(name),
            _ => "a command".into(),
        };
        let text = format!("the server's reply to {name} has an unknown form");
        Self::Refused(Refusal { code: "ERR", redirect: None, text })
    }

    pub(crate) const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// Returns whether another try may succeed.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused(refusal) if !refusal.may_pass())
    }

    /// Marks that the command was done before, and only its confirmation failed.
    ///
    /// A refusal would say that nothing was done, and a redirect send the command again as if it
    /// had not been.
    pub(crate) fn behind_write(self) -> Self {
        match self {
            Self::Refused(refusal) => Self::Lost(format!("the write was not confirmed: the server {}", refusal.text)),
            fault => Self::Lost(fault.cause()),
        }
    }

    /// Adds the name of the server to the cause.
    pub(crate) fn at(self, server: &str) -> Self {
        match self {
            Self::Unreached(cause) => Self::Unreached(format!("{server}: {cause}")),
            Self::Lost(cause) => Self::Lost(format!("{server}: {cause}")),
            Self::Refused(refusal) => Self::Refused(Refusal { text: format!("{server} {}", refusal.text), ..refusal }),
        }
    }

    pub(crate) fn cause(self) -> String {
        match self {
            Self::Unreached(cause) | Self::Lost(cause) => cause,
            Self::Refused(refusal) => refusal.text,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let new: fn(String) -> Self = match &fault {
            Fault::Lost(_) => Self::lost,
            fault if fault.may_pass() => Self::unreached,
            fault => match fault.code() {
                Some("OOM") => Self::full,
                Some("WRONGTYPE") => Self::unreadable,
                _ => Self::refused,
            },
        };
        new(fault.cause())
    }
}

fn cause(error: &RedisError) -> String {
    match error.kind() {
        // A message of the system or of TLS, which does not contain what was sent.
        ErrorKind::Io => in_lower_case(&error.to_string()),
        ErrorKind::Server(_) => {
            let refusal = Refusal::of(error.code().unwrap_or_default(), error.detail().unwrap_or_default());
            format!("the server {}", refusal.text)
        }
        _ => in_lower_case(error.category()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_reply_names_the_command_alone() {
        let fault = Fault::odd_reply(redis::cmd("GET").arg("hunter2"));
        assert_eq!(fault.cause(), "the server's reply to GET has an unknown form");
    }
}
