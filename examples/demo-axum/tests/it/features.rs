//! A store that is not built in.

use std::process::Command;

#[test]
fn a_missing_store_ends_the_demo_in_one_line() {
    for url in ["redis://localhost", "rediss-cluster://:hunter2@a:7000,b:7000", "valkey://localhost"] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_demo-axum"));
        // The key ends a demo that has the store, too.
        demo.args(["--port", "0", "--store", url, "--seal", "signed"]).env("SESSIONS_KEY", "no hex");
        let output = demo.output().unwrap();
        assert!(!output.status.success(), "{url}: {}", output.status);
        let line = "Error: --store: the redis store is not built in; add `--features redis` to the cargo command\n";
        assert_eq!(String::from_utf8_lossy(&output.stderr), line);
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}
