//! Commands for one slot each, and the scripts that most of them run.

use std::sync::LazyLock;

use redis::{Arg, Cmd, Script, Value};

use crate::keys::Key;

/// A script that is sent by its hash, until a server does not know it.
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
    COMMIT = "begin.lua" "ask_commit.lua" "open.lua" "commit.lua" "measure.lua" "write.lua";
    CREATE = "create.lua";
    DESTROY = "destroy.lua";
    ANNOUNCE = "announce.lua";
    FORGET = "forget.lua";
}

/// Initial capacity of a script's command, in arguments and bytes: enough for a usual request.
const USUAL_ARGUMENTS: usize = 24;
const USUAL_BYTES: usize = 512;

/// A command, and the slot of its key.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) slot: u16,
    pub(crate) command: Cmd,
    source: Option<&'static Source>,
    /// Index of the argument that tells the script about an earlier, unanswered try.
    doubt: Option<usize>,
    has_word: bool,
}

impl Call {
    /// Creates a call of a command whose first argument is the key.
    pub(crate) fn command(name: &str, key: &Key) -> Self {
        let mut command = Cmd::with_capacity(3, name.len() + key.as_bytes().len() + 16);
        command.arg(name).arg(key.as_bytes());
        Self { slot: key.slot(), command, source: None, doubt: None, has_word: false }
    }

    /// Creates a call without a key, for the server that has the slot.
    pub(crate) const fn of_server(slot: u16, command: Cmd) -> Self {
        Self { slot, command, source: None, doubt: None, has_word: false }
    }

    pub(crate) fn script(source: &'static Source, key: &Key) -> Self {
        Self::script_with(source, key, None)
    }

    /// Creates a call of a script that marks its write under a second key, in the slot of the
    /// first.
    pub(crate) fn script_with(source: &'static Source, key: &Key, word: Option<&Key>) -> Self {
        let mut command = Cmd::with_capacity(USUAL_ARGUMENTS, USUAL_BYTES);
        command.arg("EVALSHA").arg(source.hash.as_str()).arg(1 + usize::from(word.is_some())).arg(key.as_bytes());
        if let Some(word) = word {
            command.arg(word.as_bytes());
        }
        Self { slot: key.slot(), command, source: Some(source), doubt: None, has_word: word.is_some() }
    }

    /// Adds the argument that tells the script about an earlier, unanswered try.
    pub(crate) fn doubt(&mut self) -> &mut Self {
        self.doubt = Some(self.command.args_iter().count());
        self.arg(b"")
    }

    pub(crate) fn arg(&mut self, argument: &[u8]) -> &mut Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn number(&mut self, argument: u64) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Returns whether the call can also send the script itself.
    pub(crate) const fn is_script(&self) -> bool {
        self.source.is_some()
    }

    /// Returns whether the script marks its write under a second key.
    pub(crate) const fn has_word(&self) -> bool {
        self.has_word
    }

    /// Returns the command in another form.
    pub(crate) fn form(&self, form: Form) -> Cmd {
        let source = self.source.filter(|_| form.with_source);
        let is_bare = form.without_word && self.has_word;
        let mut command = Cmd::new();
        for (place, argument) in self.command.args_iter().enumerate() {
            let Arg::Simple(bytes) = argument else { continue };
            match (place, source) {
                (0, Some(_)) => command.arg("EVAL"),
                (1, Some(source)) => command.arg(source.code),
                (2, _) if is_bare => command.arg(1),
                (4, _) if is_bare => continue,
                _ if form.in_doubt && self.doubt == Some(place) => command.arg(1),
                _ => command.arg(bytes),
            };
        }
        command
    }
}

/// The form of a script call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// Whether the whole script is sent, which the server then keeps.
    pub(crate) with_source: bool,
    /// Whether an earlier try may have done the work.
    pub(crate) in_doubt: bool,
    /// Whether the write leaves no mark under a second key.
    pub(crate) without_word: bool,
}

/// Returns the bytes of a string, in either protocol version.
pub(crate) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        _ => None,
    }
}

/// Returns the text of a score or another number, in either protocol version.
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
