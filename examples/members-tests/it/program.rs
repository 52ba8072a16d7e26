//! The program itself, as a newcomer starts it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use test_servers::Postgres;

const PROGRAM: &str = env!("CARGO_BIN_EXE_members-axum");

#[test]
fn one_command_starts_it() {
    if !Postgres::is_installed() {
        return;
    }
    let mut command = Command::new(PROGRAM);
    let mut program = command
        .args(["--port", "0"])
        .env_remove("DATABASE_URL")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("it prints {line:?}"));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Sign up"), "{answer}");
    let id = program.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    assert!(program.wait().unwrap().success(), "it stops in good order");
}

#[test]
fn a_failure_is_one_line() {
    for (args, line) in [
        (
            vec!["--database", "postgres://127.0.0.1:1/none"],
            "members-axum: cannot open the database: error communicating with database: ",
        ),
        (vec!["--oops"], "members-axum: invalid option '--oops'"),
    ] {
        let output = Command::new(PROGRAM).args(args).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(errors.starts_with(line) && errors.lines().count() == 1, "{errors}");
    }
}
