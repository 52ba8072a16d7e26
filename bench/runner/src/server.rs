//! The server of a subject.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Outcome;
use crate::page::{Connection, Jar};
use crate::redis::free_port;
use crate::subjects::{Subject, Subjects};

/// A server with one worker thread on its own port, stopped on drop.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a subject, on a core if one is given, and waits until it listens.
    pub(crate) fn start(subjects: &Subjects, subject: &Subject, core: Option<u32>) -> Outcome<Self> {
        Self::start_with(subjects, subject, core, &[])
    }

    /// Starts a subject with these variables in its environment.
    pub(crate) fn start_with(
        subjects: &Subjects,
        subject: &Subject,
        core: Option<u32>,
        environment: &[(&str, &str)],
    ) -> Outcome<Self> {
        let port = free_port()?;
        let mut command = subjects.command(subject, &["serve", &subject.name, &port.to_string()]);
        command.envs(environment.iter().copied());
        if let Some(core) = core {
            command = pinned(core, &command);
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Self { process, port };
        for _ in 0..500 {
            if let Some(status) = server.process.try_wait()? {
                return Err(format!("{} has ended: {status}", subject.name).into());
            }
            if Connection::open(port).is_ok() {
                return Ok(server);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(format!("{} did not start in time", subject.name).into())
    }

    /// Signs in, checks every route, and returns the cookies of a session.
    pub(crate) fn sign_in(&self, subject: &Subject) -> Outcome<Jar> {
        let mut connection = Connection::open(self.port)?;
        let mut jar = Jar::default();
        let count = if subject.bare().is_some() { "2" } else { "1" };
        let mut signed_in = None;
        for (path, expected) in
            [("/login", "ok"), ("/plain", "ok"), ("/write", count), ("/read", &format!("ann {count}"))]
        {
            let page = connection.get(path, &jar)?;
            if (page.status, &*page.text) != (200, expected) {
                return Err(
                    format!("{} {path}: {} {:?}, not {expected:?}", subject.name, page.status, page.text).into()
                );
            }
            jar.take(&page);
            signed_in.get_or_insert_with(|| jar.clone());
        }
        Ok(signed_in.unwrap_or_default())
    }

    /// Returns the CPU time of the server's threads, in nanoseconds.
    pub(crate) fn cpu(&self) -> Outcome<u64> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            // A thread may have ended meanwhile.
            let Ok(spent) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            nanoseconds += spent.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(nanoseconds)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the command, pinned to one core.
pub(crate) fn pinned(core: u32, program: &Command) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program.get_program()).args(program.get_args());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}
