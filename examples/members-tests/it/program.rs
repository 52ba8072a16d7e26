//! The program itself, as a newcomer starts it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::site::{NO_DATABASE, PROGRAM, URL_VARIABLE, is_database_installed};

#[test]
fn one_command_starts_it() {
    if !is_database_installed() {
        return;
    }
    let mut command = Command::new(PROGRAM);
    let mut program = command
        .args(["--port", "0"])
        .env_remove(URL_VARIABLE)
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
    let (option, url, reason) = NO_DATABASE;
    for (args, reason) in [(vec![option, url], reason), (vec!["--oops"], "invalid option '--oops'")] {
        let output = Command::new(PROGRAM).args(args).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        let name = PROGRAM.rsplit('/').next().unwrap();
        assert!(errors.starts_with(&format!("{name}: {reason}")) && errors.lines().count() == 1, "{errors}");
    }
}
