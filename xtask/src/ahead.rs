//! Builds for later steps, started early while tests wait for timers and servers.

use std::process::{Child, Command, Stdio};

use crate::command::line;
use crate::{bench, fuzz, install, msrv};

/// The first step whose tests spend much of their time waiting.
pub(crate) const DURING: &str = "unit";

/// Steps with builds in directories of their own, which therefore delay no other step.
const BUILDS: &[(&str, Builds)] =
    &[("fuzz", fuzz::builds), ("counts", bench::builds), ("msrv", msrv::builds), ("deny", install::missing_cargo_deny)];

/// A function that returns the builds of a step.
type Builds = fn() -> Vec<Command>;

/// Builds in the background, killed on drop.
#[derive(Debug, Default)]
pub(crate) struct Ahead(Vec<Child>);

impl Ahead {
    /// Starts the builds of the steps that can be built early.
    ///
    /// A failed build is not reported: its step repeats it. A step waits for its running build.
    pub(crate) fn start<'a>(&mut self, steps: impl Iterator<Item = &'a str>) {
        let builds = steps.filter_map(|name| BUILDS.iter().find(|(step, _)| *step == name));
        for command in builds.flat_map(|(_, commands)| commands()) {
            println!("$ {} &", line(&command));
            self.0.extend(in_background(&command).spawn());
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail only if the build has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns the command with the lowest priority and without output, so that tests come first.
fn in_background(command: &Command) -> Command {
    let mut nice = Command::new("nice");
    nice.args(["-n", "19"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => nice.env(name, value),
            None => nice.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        nice.current_dir(folder);
    }
    nice.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    nice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps;

    #[test]
    fn only_builds_of_later_steps_are_started() {
        let mut ahead = Ahead::default();
        ahead.start(["doc", "lints"].into_iter());
        assert!(ahead.0.is_empty());
    }

    #[test]
    fn a_background_command_keeps_arguments_and_environment() {
        let mut command = Command::new("cargo");
        command.args(["build", "--release"]).env("A", "1").env_remove("B").current_dir("/");
        let nice = in_background(&command);
        assert_eq!(line(&nice), "A='1' nice -n 19 cargo build --release");
        assert_eq!(nice.get_current_dir(), command.get_current_dir());
        assert!(nice.get_envs().any(|(name, value)| name == "B" && value.is_none()));
    }

    #[test]
    fn every_named_step_exists() {
        for name in BUILDS.iter().map(|(name, _)| *name).chain([DURING]) {
            assert!(steps::find(name).is_some(), "{name}");
        }
    }
}
