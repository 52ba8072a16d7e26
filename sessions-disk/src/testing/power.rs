//! Power failures, simulated from the system calls of a process that writes.

mod calls;
mod image;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use sessions_store::Store;

use self::calls::{Call, Calls, TRACED};
use super::child;
use super::kills::{CHILD, Oracle};
use super::sample::{Rng, folder};

/// Acknowledgements to wait for, of a process that begins with an empty store.
const ACKNOWLEDGEMENTS: usize = 200;
/// Number of moments at which the power fails.
const MOMENTS: usize = 30;
/// Disks that a failure may leave: without anything that was not synced, with all of it, and with
/// some.
const DISKS: u64 = 4;

/// Checks that everything acknowledged survives a power failure at any moment.
///
/// The test runs its own program again as a child process, under strace. The child writes to an
/// empty store from several threads. From its system calls, the check makes the disks that a power
/// failure may leave at many moments: with all that was synced, and any part of what was not. Names
/// are kept in the order of their changes, as file systems with a journal do. On each disk, the
/// store must open, and each acknowledged write and destroy must have taken effect.
///
/// `test` is the full name of the calling test, with its modules. This requires Linux and strace;
/// without them a notice is printed.
///
/// # Panics
///
/// Panics if something acknowledged is lost, or the store cannot be opened.
pub fn survives_power_losses<S: Store + Clone>(test: &str, open: impl Fn(&Path) -> S) {
    if let Some(path) = env::var_os(CHILD) {
        child::write_until_killed(&open(Path::new(&path)));
    }
    let Some(calls) = trace(test) else {
        return report_skipped();
    };
    let mut rng = Rng::new();
    // Every other moment is during a sync, when most is at stake.
    let is_sync = |moment: &usize| matches!(calls.all().get(*moment), Some(Call::SyncFile(..)));
    let syncs: Vec<usize> = (0..calls.len()).filter(is_sync).collect();
    let mut moments: Vec<usize> =
        (0..MOMENTS / 2).flat_map(|_| [rng.below(calls.len() + 1), syncs[rng.below(syncs.len())]]).collect();
    moments.sort_unstable();
    let mut oracle = Oracle::default();
    let mut heard = 0;
    for moment in moments {
        for call in &calls.all()[heard..moment] {
            if let Call::Said(text) = call {
                text.lines().for_each(|line| _ = oracle.hear(line));
            }
        }
        heard = moment;
        for disk in 0..DISKS {
            let folder = folder();
            calls.image(moment, disk, &mut rng).write(folder.path());
            oracle.clone().verify(&open(&folder.path().join("store")));
        }
    }
    eprintln!("{} calls, {MOMENTS} power failures, nothing lost", calls.len());
}

/// Returns the system calls of a child process, or `None` if strace cannot be used.
fn trace(test: &str) -> Option<Calls> {
    let may_trace =
        Command::new("strace").args(["-f", "--seccomp-bpf", "--trace=openat", "-o", "/dev/null", "true"]).status();
    if !may_trace.is_ok_and(|status| status.success()) {
        return None;
    }
    let folder = folder();
    let (root, output) = (folder.path().join("disk"), folder.path().join("trace"));
    fs::create_dir(&root).expect("the folder is ours");
    let root = root.canonicalize().expect("it was just created");
    let mut strace = Command::new("strace");
    strace.args(["-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "10000000", "-e", "signal=none"]);
    strace.arg(format!("--trace={TRACED}")).arg("-o").arg(&output);
    strace.arg(env::current_exe().expect("a process knows its program")).args([test, "--exact", "--nocapture"]);
    strace.env(CHILD, root.join("store")).env(child::ROUND, "0");
    let mut strace = strace.stdout(Stdio::piped()).spawn().expect("strace runs");
    let mut lines = BufReader::new(strace.stdout.take().expect("it is piped")).lines();
    let acknowledged = lines.by_ref().map_while(Result::ok).filter(|line| line.contains("@acknowledged"));
    let count = acknowledged.take(ACKNOWLEDGEMENTS).count();
    // The child ends when nobody reads its reports any more.
    drop(lines);
    let status = strace.wait().expect("a child can be waited for");
    assert_eq!(count, ACKNOWLEDGEMENTS, "the child ended by itself, with {status}");
    Some(Calls::parse(&fs::read_to_string(&output).expect("strace has written it"), &root))
}

/// Prints directly to standard error, since the harness hides the output of a test that passes.
fn report_skipped() {
    let _ = std::io::stderr().write_all(b"SKIPPED: power failures: this requires Linux and strace\n");
}
