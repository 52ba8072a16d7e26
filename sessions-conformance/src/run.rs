//! The entry points of the generated tests.

use std::io::{self, Write};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::setup::Setup;
use crate::subject::{BlockOn, Subject};

/// Runs a case on a store of its own.
pub fn run(name: &str, case: impl AsyncFnOnce(&Subject), block_on: BlockOn, make: impl Fn(&str) -> Setup) {
    if let Some(subject) = subject(name, block_on, &make) {
        block_on(Box::pin(async { case(&subject).await }));
    }
}

/// Runs a case on two stores with different namespaces.
pub fn run_apart(
    name: &str,
    case: impl AsyncFnOnce(&Subject, &Subject),
    block_on: BlockOn,
    make: impl Fn(&str) -> Setup,
) {
    if let (Some(one), Some(other)) = (subject(name, block_on, &make), subject(name, block_on, &make)) {
        block_on(Box::pin(async { case(&one, &other).await }));
    }
}

fn subject(test: &str, block_on: BlockOn, make: impl Fn(&str) -> Setup) -> Option<Subject> {
    let setup = make(&fresh_namespace(test));
    if let Some(what) = &setup.missing {
        // Not with `eprintln!`: the test harness hides its output while the test passes.
        let printed = writeln!(io::stderr(), "SKIPPED {test}: {what} is missing");
        printed.expect("stderr is writable");
        return None;
    }
    Some(Subject::new(setup, block_on))
}

/// Returns a name that no test has used, in this process or another.
///
/// It consists of letters, digits and hyphens.
fn fresh_namespace(test: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let test = test.replace('_', "-");
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{test}-{}-{}-{number}", since_epoch.as_millis(), process::id())
}
