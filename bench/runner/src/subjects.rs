//! The subjects, and what each is compared with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build;
use crate::redis::Redis;
use crate::{Options, Outcome};

/// Is every subject that is wanted, with the server that some of them need.
pub(crate) struct Subjects {
    pub(crate) all: Vec<Subject>,
    redis: Option<Redis>,
}

pub(crate) struct Subject {
    pub(crate) name: String,
    plain: PathBuf,
    counting: PathBuf,
}

impl Subjects {
    /// Builds what holds the wanted subjects.
    pub(crate) fn build(options: &Options) -> Outcome<Self> {
        let mut all = Vec::new();
        for package in ["ours", "peers"] {
            if package == "peers" && !PEERS.iter().any(|name| options.wants(name)) {
                continue;
            }
            let program = build::subjects(package)?;
            let names = Command::new(&program.plain).arg("list").output()?;
            let names = String::from_utf8(names.stdout)?;
            let wanted = names.lines().filter(|name| options.wants(name));
            all.extend(wanted.map(|name| Subject {
                name: name.to_owned(),
                plain: program.plain.clone(),
                counting: program.counting.clone(),
            }));
        }
        let needs_redis = all.iter().any(|subject| subject.name.ends_with("-redis"));
        let redis = needs_redis.then(Redis::start).transpose()?;
        Ok(Self { all, redis })
    }

    /// Prepares a subject to be run.
    pub(crate) fn command(&self, subject: &Subject, words: &[&str]) -> Command {
        self.prepare(&subject.plain, words)
    }

    /// The same with the counting allocator.
    pub(crate) fn counting(&self, subject: &Subject, words: &[&str]) -> Command {
        self.prepare(&subject.counting, words)
    }

    fn prepare(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words);
        if let Some(redis) = &self.redis {
            command.env("BENCH_REDIS", redis.url());
        }
        command
    }
}

/// Lists what the package of the peers holds, which takes long to build.
const PEERS: [&str; 7] = [
    "tower-sessions",
    "tower-sessions-redis",
    "axum_session",
    "actix-session-cookie",
    "actix-session-redis",
    "poem-bare",
    "poem",
];

impl Subject {
    /// Returns the same framework without sessions, `None` for one that is without.
    pub(crate) fn bare(&self) -> Option<&'static str> {
        let frameworks = [
            ("actix", "actix-bare"),
            ("axum", "axum-bare"),
            ("tower", "axum-bare"),
            ("hyper", "hyper-bare"),
            ("minihttp", "minihttp-bare"),
            ("poem", "poem-bare"),
        ];
        let name = self.name.strip_prefix("sessions-").unwrap_or(&self.name);
        let bare = frameworks.into_iter().find(|(framework, _)| name.starts_with(framework)).map(|(_, bare)| bare);
        bare.filter(|bare| *bare != self.name)
    }

    /// Says whether it is one of ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.name.starts_with("sessions-")
    }
}
