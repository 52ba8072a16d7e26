//! The subjects, and the frameworks that they are compared with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

use crate::compile::{self, Program};
use crate::redis::Redis;
use crate::{Options, Outcome};

/// Subjects in the package of the peers, which takes minutes to build.
const PEERS: [&str; 7] = [
    "tower-sessions",
    "axum_session",
    "tower-sessions-redis",
    "actix-session-cookie",
    "actix-session-redis",
    "poem-bare",
    "poem",
];

/// The wanted subjects, with the Redis server that some of them need.
pub(crate) struct Subjects {
    pub(crate) all: Vec<Subject>,
    pub(crate) redis: Option<Redis>,
    ours: Program,
    peers: Option<Program>,
    files: Files,
}

impl Subjects {
    /// Builds the wanted subjects, which are the `usual` ones by default.
    ///
    /// Adds the subjects that they are compared with, grouped by framework.
    pub(crate) fn build(options: &Options, usual: impl Fn(&Subject) -> bool) -> Outcome<Self> {
        let ours = compile::subjects("ours")?;
        let names = Command::new(&ours.plain).arg("list").output()?;
        let names = String::from_utf8(names.stdout)?;
        let is_peer = |name: &str| PEERS.contains(&name);
        let names = names.lines().chain(PEERS);
        let mut all: Vec<_> = names.map(|name| Subject { name: name.to_owned(), is_peer: is_peer(name) }).collect();
        all.sort_by_key(|subject| FRAMEWORKS.iter().position(|(bare, _)| *bare == subject.family()));
        let wanted = if options.only.is_empty() {
            all.iter().filter(|subject| usual(subject)).cloned().collect()
        } else {
            named(&all, &options.only)?
        };
        let is_wanted = |subject: &Subject| {
            wanted.iter().any(|wanted| wanted.name == subject.name || wanted.bare() == Some(&*subject.name))
        };
        all.retain(is_wanted);
        let peers = all.iter().any(|subject| subject.is_peer).then(|| compile::subjects("peers")).transpose()?;
        let redis = all.iter().any(|subject| subject.store() == "redis").then(Redis::start).transpose()?;
        Ok(Self { all, redis, ours, peers, files: Files::new()? })
    }

    /// Returns the subjects with sessions.
    pub(crate) fn with_sessions(&self) -> impl Iterator<Item = &Subject> {
        self.all.iter().filter(|subject| subject.bare().is_some())
    }

    /// Returns a command that runs a subject.
    pub(crate) fn command(&self, subject: &Subject, words: &[&str]) -> Command {
        self.prepare(&self.program(subject).plain, words)
    }

    /// Returns the same command with the counting allocator.
    pub(crate) fn counting(&self, subject: &Subject, words: &[&str]) -> Command {
        self.prepare(&self.program(subject).counting, words)
    }

    fn program(&self, subject: &Subject) -> &Program {
        self.peers.as_ref().filter(|_| subject.is_peer).unwrap_or(&self.ours)
    }

    fn prepare(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words).env("TMPDIR", &self.files.0);
        if let Some(redis) = &self.redis {
            command.env("BENCH_REDIS", redis.url());
        }
        command
    }
}

/// Runs a subject to its end, and returns its output.
pub(crate) fn output_of(mut command: Command) -> Outcome<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// Returns the subjects that the command line names, in full or by a part of the name.
fn named(all: &[Subject], only: &[String]) -> Outcome<Vec<Subject>> {
    let mut wanted = Vec::new();
    for word in only {
        let before = wanted.len();
        wanted.extend(all.iter().filter(|subject| subject.name == *word).cloned());
        if wanted.len() == before {
            wanted.extend(all.iter().filter(|subject| subject.name.contains(&**word)).cloned());
        }
        if wanted.len() == before {
            let names: Vec<_> = all.iter().map(|subject| &*subject.name).collect();
            return Err(format!("no subject name contains {word}; there are {}", names.join(", ")).into());
        }
    }
    Ok(wanted)
}

/// Subjects without sessions, each with the name prefixes of the subjects compared with it.
const FRAMEWORKS: [(&str, &[&str]); 5] = [
    ("axum-bare", &["axum", "tower"]),
    ("actix-bare", &["actix"]),
    ("hyper-bare", &["hyper"]),
    ("minihttp-bare", &["minihttp"]),
    ("poem-bare", &["poem"]),
];

#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) is_peer: bool,
}

impl Subject {
    /// Returns the same framework without sessions, or `None` for such a subject.
    pub(crate) fn bare(&self) -> Option<&'static str> {
        Some(self.family()).filter(|bare| *bare != self.name)
    }

    /// Returns the name of its framework without sessions.
    pub(crate) fn family(&self) -> &'static str {
        let name = self.name.strip_prefix("sessions-").unwrap_or(&self.name);
        let begins = |(_, begins): &&(_, &[&str])| begins.iter().any(|begin| name.starts_with(begin));
        FRAMEWORKS.iter().find(begins).map(|(bare, _)| *bare).expect("every subject has one of these frameworks")
    }

    /// Returns whether it is one of ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.name.starts_with("sessions-")
    }

    /// Returns whether it is ours with `Router::layer`, which wraps each route.
    pub(crate) fn is_router_layer(&self) -> bool {
        self.name.ends_with("-router-layer")
    }

    /// Returns the name of the store of its sessions.
    pub(crate) fn store(&self) -> &'static str {
        let stores = ["redis", "redb", "fjall", "cookie", "bare"];
        stores.into_iter().find(|store| self.name.ends_with(store)).unwrap_or("memory")
    }

    /// Returns whether it waits for a disk.
    pub(crate) fn is_on_disk(&self) -> bool {
        matches!(self.store(), "redb" | "fjall")
    }
}

/// A directory for the subjects' files, removed at the end even if a subject was killed.
struct Files(PathBuf);

impl Files {
    fn new() -> Outcome<Self> {
        let path = env::temp_dir().join(format!("sessions-bench-{}", process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
