//! The account of servers if the tests run as root, which database servers refuse.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::{fs, io};

/// The name of an account that every system has.
const NAME: &str = "nobody";

/// A user without privileges, and its group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// Returns an account without privileges if root owns the directory, as when this process is
    /// root.
    pub(crate) fn instead_of_owner(folder: &Path) -> Option<Self> {
        static NOBODY: OnceLock<Account> = OnceLock::new();
        let is_root = fs::metadata(folder).expect("the directory exists").uid() == 0;
        is_root.then(|| *NOBODY.get_or_init(|| Self { user: id("-u"), group: id("-g") }))
    }

    /// Makes the account the owner of a file or directory.
    pub(crate) fn own(self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.user), Some(self.group))
    }

    /// Makes a command run as the account.
    pub(crate) fn run(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, NAME]).output().expect("id runs");
    let id = String::from_utf8_lossy(&output.stdout);
    id.trim().parse().expect("the account exists")
}
