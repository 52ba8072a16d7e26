//! A demo without the store that it is asked for.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

use std::process::Command;

#[test]
fn a_missing_store_names_its_feature() {
    for url in ["redis://localhost", "rediss-cluster://:hunter2@a:7000,b:7000", "valkey://localhost"] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_demo-axum"));
        // A demo that has the store ends too, by the key.
        demo.args(["--port", "0", "--store", url, "--seal", "signed"]).env("SESSIONS_KEY", "no hex");
        let output = demo.output().unwrap();
        assert!(!output.status.success(), "{url}: {}", output.status);
        let line = "Error: --store: this demo was built without Redis; add `--features redis` to `cargo run`\n";
        assert_eq!(String::from_utf8_lossy(&output.stderr), line);
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}
