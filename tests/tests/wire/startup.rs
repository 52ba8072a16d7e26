//! Startup: a demo that cannot start prints why in one line, and one whose store is down logs it.

use sessions_tests::{Framework, Options, Server, in_every_framework};
use tempfile::NamedTempFile;

in_every_framework! {
    a_taken_port_is_named,
    a_store_failure_at_startup_is_one_line,
    an_invalid_option_is_reported_in_one_line,
    an_option_that_cannot_be_read_is_named_before_the_help,
    a_store_that_is_down_is_logged,
    the_log_follows_rust_log,
}

/// An address on which nothing listens.
const NOWHERE: &str = "redis://127.0.0.1:1";

/// Expects exit code 1 and returns the only line of output.
#[track_caller]
fn only_line(options: Options) -> String {
    let (status, output) = options.start_expecting_failure();
    assert_eq!(status.code(), Some(1), "{output}");
    let lines: Vec<&str> = output.lines().collect();
    let [line] = lines.as_slice() else { panic!("expected one line, but:\n{output}") };
    // Part of a struct's `Debug` output.
    assert!(!line.contains(" { "), "{line}");
    (*line).to_owned()
}

fn a_taken_port_is_named(framework: Framework) {
    let first = Server::start(framework);
    let line = only_line(Options::new(framework).argument("--port").argument(&first.port().to_string()));
    let start = format!("Error: cannot listen on {}: Address already in use", first.address());
    assert!(line.starts_with(&start), "{line}");
    assert!(line.ends_with("; choose another port with --port"), "{line}");
    first.visitor().get("/plain").expect_text("ok");
}

fn a_store_failure_at_startup_is_one_line(framework: Framework) {
    let file = NamedTempFile::new().expect("there is a directory for temporary files");
    let inside = |scheme: &str| format!("{scheme}:{}/sessions", file.path().display());
    let redis = "redis://:hunter2@localhost?colour=blue".to_owned();
    for url in [inside("redb"), inside("fjall"), redis, "nowhere:".to_owned()] {
        let line = only_line(Options::new(framework).store(&url));
        assert!(line.starts_with("Error: --store: "), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

fn an_invalid_option_is_reported_in_one_line(framework: Framework) {
    let line = only_line(Options::new(framework).argument("--idle").argument("0s"));
    assert!(line.starts_with("Error: "), "{line}");
    let sealed = Options::new(framework).argument("--seal").argument("signed");
    let line = only_line(sealed.environment("SESSIONS_KEY", "no hex"));
    assert!(line.starts_with("Error: SESSIONS_KEY is not hex: "), "{line}");
    for origin in ["app.example", "https://app.example/", "https://*.example", "null", ""] {
        let line = only_line(Options::new(framework).argument("--trust-origin").argument(origin));
        assert!(line.starts_with("Error: a trusted origin is not valid") && line.contains(origin), "{line}");
    }
}

fn an_option_that_cannot_be_read_is_named_before_the_help(framework: Framework) {
    for value in ["same-site", "none", "OFF", ""] {
        let options = Options::new(framework).argument("--cross-origin").argument(value);
        let (status, output) = options.start_expecting_failure();
        assert_eq!(status.code(), Some(2), "{output}");
        let line = output.lines().next().unwrap_or_default();
        assert!(line.contains(&format!("{value:?}")), "{line}");
        assert!(line.ends_with("expected off, cross-site or cross-origin"), "{line}");
        assert!(output.contains("--cross-origin cross-site  which requests"), "{output}");
    }
}

fn a_store_that_is_down_is_logged(framework: Framework) {
    let server = Options::new(framework).store(NOWHERE).start();
    server.visitor().get("/set").expect_status(503);
    let log = server.stop();
    let reason = log.lines().find(|line| line.contains(" ERROR ") && line.contains("redis"));
    let reason = reason.unwrap_or_else(|| panic!("no reason in the log:\n{log}"));
    assert!(reason.to_lowercase().contains("connection refused"), "{reason}");
}

fn the_log_follows_rust_log(framework: Framework) {
    let server = Options::new(framework).store(NOWHERE).environment("RUST_LOG", "off").start();
    let announcement = format!("listening on http://{}\n", server.address());
    server.visitor().get("/set").expect_status(503);
    assert_eq!(server.stop(), announcement);
}
