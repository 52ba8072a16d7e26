//! A time limit for steps that hang.

use std::fs;
use std::process::{self, Command};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Runs `work`, and calls `hangs` if it takes longer than `limit`.
pub(crate) fn run_within<T>(limit: Duration, work: impl FnOnce() -> T, hangs: impl FnOnce() + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        if is_done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            hangs();
        }
    });
    let result = work();
    drop(done);
    // Fails only if it panicked, which has been printed.
    let _ = watchdog.join();
    result
}

/// Kills all programs that this one started. Steps that wait for them then fail.
pub(crate) fn kill_programs() {
    kill(&descendants(process::id()));
}

fn kill(programs: &[u32]) {
    let programs: Vec<_> = programs.iter().map(u32::to_string).collect();
    // It fails if one of them has already ended.
    let _ = Command::new("sh").arg("-c").arg(format!("kill -s KILL {}", programs.join(" "))).status();
}

/// Returns the programs that a program started, and those that they started. Only Linux lists them.
fn descendants(program: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{program}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> =
        lists.flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<_>>()).collect();
    children.into_iter().flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read;
    use std::process::Stdio;

    use super::*;

    #[test]
    fn descendants_of_a_program_are_killed() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 1000 & echo; wait $!"]).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        shell.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        kill(&descendants(shell.id()));
        assert_eq!(shell.wait().unwrap().code(), Some(128 + 9));
    }

    #[test]
    fn only_work_that_hangs_is_interrupted() {
        let (interrupt, interrupted) = mpsc::channel();
        let hangs = move || interrupt.send(()).unwrap();
        assert_eq!(run_within(Duration::ZERO, || interrupted.recv(), hangs), Ok(()));
        run_within(Duration::from_secs(1000), || (), || panic!("it has ended"));
    }
}
