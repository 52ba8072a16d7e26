//! The scripts, which are sent by their hash until a server does not know them.

use std::sync::OnceLock;

use redis::{Cmd, Script as Hashed, ToRedisArgs};

use crate::keys::Key;
use crate::link::Form;

/// A script about one key.
#[derive(Debug)]
pub(crate) struct Script {
    code: &'static str,
    hash: OnceLock<String>,
}

/// Replaces a value that still begins with a mark. Arguments: the mark, the milliseconds that
/// the value lives or nothing, the new value. Returns 1, or else the value.
pub(crate) static SWAP: Script = Script::new(include_str!("lua/swap.lua"));
/// Overwrites parts of a value that still begins with a mark. Arguments: the mark, the
/// milliseconds that the value lives or nothing, the parts, each after its offset.
pub(crate) static PATCH: Script = Script::new(include_str!("lua/patch.lua"));
/// Deletes a value of a principal, or one of a newer format, which only a newer build could read: a
/// logout must also hold there. Arguments: the length of the principal as in the value's head, the
/// principal. Returns 1 if it did, 0 if there is none, and -1 if it is another's.
pub(crate) static DELETE_OF: Script = Script::new(include_str!("lua/delete_of.lua"));
/// Lists a session under a principal. Arguments: its id, the milliseconds that it may live or
/// nothing. Drops a few entries that have ended. Writes in any case: WAIT waits for a connection's
/// last write.
pub(crate) static LIST: Script = Script::new(include_str!("lua/list.lua"));
/// Returns the name of the server's process, or nothing if the user may not ask for it, and what
/// ZSCAN replies. Arguments: the name of the process whose position it is, the position, the number
/// of entries. In another process, the position means nothing, so the list is read from its start.
pub(crate) static ENTRIES: Script = Script::new(include_str!("lua/entries.lua"));
/// Marks entries without a session as unconfirmed, and drops those that have been so for long.
/// Arguments: the milliseconds of that, the entries, each before the score that it had or nothing.
pub(crate) static DOUBT: Script = Script::new(include_str!("lua/doubt.lua"));

impl Script {
    const fn new(code: &'static str) -> Self {
        Self { code, hash: OnceLock::new() }
    }

    /// Returns a call of the script, given the length of most of its arguments.
    pub(crate) fn call(&self, form: Form, key: &Key, length: usize, arguments: impl ToRedisArgs) -> Cmd {
        let mut command = Cmd::with_capacity(8, length + key.as_bytes().len() + 96);
        match form {
            Form::Whole => command.arg("EVAL").arg(self.code),
            Form::Native | Form::Short => {
                let hash = self.hash.get_or_init(|| Hashed::new(self.code).get_hash().to_owned());
                command.arg("EVALSHA").arg(hash)
            }
        };
        command.arg(1).arg(key.as_bytes()).arg(arguments);
        command
    }
}
