//! One command to one slot, and the scripts that most of them are.

use std::sync::LazyLock;

use redis::{Arg, Cmd, Script, Value};

use crate::keys::Key;

/// Is a script as it is sent: by its name, until a server says that it has not seen it.
#[derive(Debug)]
pub(crate) struct Source {
    code: &'static str,
    hash: String,
}

impl Source {
    fn new(code: &'static str) -> Self {
        let hash = Script::new(code).get_hash().to_owned();
        Self { code, hash }
    }
}

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)+) => {
        $(pub(crate) static $name: LazyLock<Source> =
            LazyLock::new(|| Source::new(concat!($(include_str!(concat!("lua/", $file))),+)));)+
    };
}

scripts! {
    COMMIT = "begin.lua" "ask_commit.lua" "open.lua" "commit.lua" "write.lua" "return.lua";
    TAKE = "begin.lua" "ask_take.lua" "open.lua" "take.lua" "write.lua" "return.lua";
    CREATE = "create.lua";
    DESTROY = "destroy.lua";
    ANNOUNCE = "announce.lua";
    FORGET = "forget.lua";
}

/// Is a command, and the slot of the key that it is about.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) slot: u16,
    pub(crate) command: Cmd,
    source: Option<&'static Source>,
}

impl Call {
    /// Makes a call of a command whose first argument is the key.
    pub(crate) fn command(name: &str, key: &Key) -> Self {
        let mut command = redis::cmd(name);
        command.arg(key.as_bytes());
        Self { slot: key.slot(), command, source: None }
    }

    /// Makes a call that is about no key, but about the server that has the slot.
    pub(crate) const fn of_server(slot: u16, command: Cmd) -> Self {
        Self { slot, command, source: None }
    }

    pub(crate) fn script(source: &'static Source, key: &Key) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(source.hash.as_str()).arg(1).arg(key.as_bytes());
        Self { slot: key.slot(), command, source: Some(source) }
    }

    pub(crate) fn arg(&mut self, argument: &[u8]) -> &mut Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn number(&mut self, argument: u64) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Returns the same call with the whole script in it, which the server then keeps; `None` for a plain command.
    pub(crate) fn with_source(&self) -> Option<Cmd> {
        let mut command = redis::cmd("EVAL");
        command.arg(self.source?.code);
        for argument in self.command.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        Some(command)
    }
}

/// Returns the bytes of a string, however the server's protocol version writes it.
pub(crate) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        _ => None,
    }
}

/// Returns the numbers of scores and replies, however the server's protocol version writes them.
pub(crate) fn text_number(value: &Value) -> Option<String> {
    match value {
        Value::Int(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        other => bytes(other).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()),
    }
}

/// Returns the items of a list.
pub(crate) fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) | Value::Set(items) => Some(items),
        _ => None,
    }
}
