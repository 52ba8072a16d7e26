//! The scripts, which are sent by their hash until a server does not know them.

use std::sync::LazyLock;

use redis::{Cmd, Script as Hashed};

use crate::keys::Key;
use crate::link::Form;

/// A script about one key.
#[derive(Debug)]
pub(crate) struct Script {
    code: &'static str,
    hash: LazyLock<String>,
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)+) => {
        $($(#[$doc])*
        pub(crate) static $name: Script = Script {
            code: include_str!($file),
            hash: LazyLock::new(|| Hashed::new(include_str!($file)).get_hash().to_owned()),
        };)+
    };
}

scripts! {
    /// Replaces a value that still begins with a mark. Arguments: the mark, the milliseconds that
    /// the value lives or nothing, the new value. Returns 1, or else the value.
    SWAP = "lua/swap.lua";
    /// Overwrites parts of a value that still begins with a mark. Arguments: the mark, the
    /// milliseconds that the value lives or nothing, the parts, each after its offset.
    PATCH = "lua/patch.lua";
    /// Deletes a value of a principal. Arguments: the length of the principal as in the value's
    /// head, the principal. Returns 1 if it did, 0 if there is none, and -1 if it is another's.
    DELETE_OF = "lua/delete_of.lua";
    /// Lists a session under a principal. Arguments: its id, the milliseconds that it may live or
    /// nothing. Drops a few entries that have ended.
    LIST = "lua/list.lua";
    /// Doubts entries without a session, and drops those that have been doubted for long.
    /// Arguments: the milliseconds of doubt, the entries, each before the score that it had or
    /// nothing.
    DOUBT = "lua/doubt.lua";
}

impl Script {
    /// Starts a call of the script.
    pub(crate) fn call(&self, form: Form, key: &Key, argument_bytes: usize) -> Cmd {
        let mut command = Cmd::with_capacity(8, argument_bytes + key.as_bytes().len() + 96);
        match form {
            Form::Whole => command.arg("EVAL").arg(self.code),
            Form::Native | Form::Short => command.arg("EVALSHA").arg(self.hash.as_str()),
        };
        command.arg(1).arg(key.as_bytes());
        command
    }
}
