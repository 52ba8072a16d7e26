//! Runs other programs from the workspace's root, without stdin, and prints their command lines.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

/// Returns the directory that holds the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a directory of the workspace")
}

/// Returns a command for the cargo that runs xtask, with arguments separated by spaces.
pub(crate) fn cargo(arguments: &str) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments.split_whitespace()).current_dir(root());
    // These variables describe xtask. Build scripts that watch them would run again after each
    // cargo that is started by hand.
    let describes_xtask = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(describes_xtask)) {
        command.env_remove(name);
    }
    command
}

/// Runs the command and shows its output.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    println!("$ {}", line(command));
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| format!("`{}`: {error}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", line(command))) }
}

/// Runs the command and returns what it prints.
pub(crate) fn read(command: &mut Command) -> Result<String, String> {
    println!("$ {}", line(command));
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("`{}`: {error}", line(command)))?;
    if !output.status.success() {
        return Err(format!("`{}` ended with {}", line(command), output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{}` printed invalid UTF-8", line(command)))
}

/// Returns whether the command runs and succeeds, without showing its output.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Returns the command as it would be typed.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_stem().unwrap_or(program.as_os_str());
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        // A variable without a value is removed.
        let Some(value) = value else { continue };
        line.push_str(&format!("{}='{}' ", name.to_string_lossy(), value.to_string_lossy()));
    }
    line.push_str(&program.to_string_lossy());
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut doc = Command::new("/opt/rust/bin/cargo");
        doc.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").env_remove("CARGO");
        assert_eq!(line(&doc), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn an_error_names_the_missing_program() {
        let message = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(message.contains("no-such-program-here"), "{message}");
        assert!(!succeeds(&mut Command::new("no-such-program-here")));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_is_an_error() {
        let ended = Err("`false` ended with exit status: 1".to_owned());
        assert_eq!(run(&mut Command::new("false")), ended);
        assert_eq!(read(&mut Command::new("false")).map(drop), ended);
        assert!(!succeeds(&mut Command::new("false")));
    }

    #[test]
    fn the_root_is_the_workspace() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }
}
