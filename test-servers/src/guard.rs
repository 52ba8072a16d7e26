//! A server process that ends with the test that started it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Shell script that starts the server, prints its process id, and kills it once stdin is closed.
///
/// The system closes the pipe if the test process is killed. Then only the shell is left to remove
/// the folder.
const SCRIPT: &str = r#"dir=$1; program=$2; shift 2
"$program" "$@" >>"$dir/log" 2>&1 &
server=$!
echo $server
read -r word
kill -9 $server 2>/dev/null
wait $server 2>/dev/null
[ "$word" = keep ] || rm -rf "$dir""#;

/// A running server process.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    pub(crate) pid: u32,
}

impl Guard {
    pub(crate) fn start(folder: &Path, arguments: &[String]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(folder).arg(crate::program()).args(arguments);
        let mut shell = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let mut line = String::new();
        let output = shell.stdout.take().expect("its output was piped");
        BufReader::new(output).read_line(&mut line).expect("the shell prints the process id");
        let pid = line.trim().parse().expect("a process id is a number");
        Self { shell, pid }
    }

    /// Sends a signal to the server.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid.to_string();
        let mut command = Command::new("kill");
        let _ = command.args(["-s", signal, &pid]).stderr(Stdio::null()).status();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The word, or the end of the pipe, makes the shell kill the server, even a suspended one,
        // and wait for its end.
        if let Some(mut pipe) = self.shell.stdin.take() {
            let _ = pipe.write_all(b"keep\n");
        }
        let _ = self.shell.wait();
    }
}
