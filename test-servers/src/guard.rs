//! A server process that ends with the test that started it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::account::Account;

/// Shell script that starts the server, signals it on request, and kills it once stdin is closed.
///
/// The system closes the pipe if the test process is killed. The shell then removes the directory,
/// since no other process is left to do it. The script answers each request with a line.
///
/// A signal from the terminal, or from a program that limits the time of the tests, reaches their
/// whole process group. The shell ignores it, so that it can clean up.
///
/// Signals go to the server and to the processes that it forked. Postgres moves these to sessions
/// of their own, so there is no group to signal. The server is suspended first, so that it does not
/// fork meanwhile. A killed Postgres leaves a segment of shared memory behind, which the seventh
/// line of its `postmaster.pid` names.
const SCRIPT: &str = r#"trap '' INT QUIT HUP TERM
dir=$1; program=$2; shift 2
"$program" "$@" >>"$dir/log" 2>&1 &
server=$!
forked() { pgrep -P $server || cat /proc/$server/task/$server/children; }
signal_all() { kill -s STOP $server; children=$(forked); kill -s "$1" $children $server; }
kill_all() {
    signal_all KILL
    wait $server
    for child in $children; do
        while grep -q '^State:[[:space:]]*[^XZ[:space:]]' /proc/$child/status; do sleep 0.01; done
    done
    set -- $(sed -n 7p "$dir/data/postmaster.pid")
    [ -z "$2" ] || ipcrm -m "$2"
}
while read -r word name; do
    case $word in
    signal) signal_all "$name"; echo ;;
    end) kill -s "$name" $server; wait $server; server=; echo ;;
    keep) break ;;
    esac
done
[ -z "$server" ] || kill_all
[ "$word" = keep ] || rm -rf "$dir""#;

/// A running server process.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    answers: Mutex<BufReader<ChildStdout>>,
}

impl Guard {
    /// Starts a program with its output in the directory's `log`, as another user if one is given.
    pub(crate) fn start(folder: &Path, program: &Path, arguments: &[String], account: Option<Account>) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(folder).arg(program).args(arguments);
        if let Some(account) = account {
            // The current directory may be closed to the account.
            account.run(command.current_dir(folder));
        }
        let mut shell = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let output = shell.stdout.take().expect("its output was piped");
        Self { shell, answers: Mutex::new(BufReader::new(output)) }
    }

    /// Sends a signal to the server and to the processes that it forked.
    pub(crate) fn signal(&self, signal: &str) {
        self.request(&format!("signal {signal}\n"));
    }

    /// Sends a signal to the server and waits for its end.
    pub(crate) fn end(self, signal: &str) {
        self.request(&format!("end {signal}\n"));
    }

    fn request(&self, request: &str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pipe = self.shell.stdin.as_ref().expect("its input was piped");
        pipe.write_all(request.as_bytes()).expect("the shell runs until it is dropped");
        answers.read_line(&mut String::new()).expect("the shell answers");
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The request, or the end of the pipe, makes the shell kill the server, even a suspended
        // one, and wait for its end.
        if let Some(mut pipe) = self.shell.stdin.take() {
            let _ = pipe.write_all(b"keep\n");
        }
        let _ = self.shell.wait();
    }
}
