//! Asking as fast as the server answers.

use std::process::Command;

use crate::Outcome;
use crate::page::Jar;
use crate::server::pinned;

/// Is what wrk has counted.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) requests: u64,
}

/// Asks for one page over 32 connections for a second. An answer that is not a success is a failure.
pub(crate) fn ask(core: u32, port: u16, path: &str, jar: &Jar) -> Outcome<Load> {
    ask_over(32, core, port, path, jar)
}

/// Asks over so many connections.
pub(crate) fn ask_over(connections: usize, core: u32, port: u16, path: &str, jar: &Jar) -> Outcome<Load> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "1", "--connections", &connections.to_string(), "--duration", "1s"]);
    match &*jar.field() {
        "" => {}
        field => drop(wrk.args(["--header", &format!("Cookie: {field}")])),
    }
    wrk.arg(format!("http://127.0.0.1:{port}{path}"));
    let output = pinned(core, &wrk).output().map_err(|error| format!("taskset: {error}"))?;
    let told = String::from_utf8_lossy(&output.stdout);
    let failed = told.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors"));
    match (failed, counted(&told)) {
        (None, Some(load)) => Ok(load),
        _ => Err(format!("wrk on {path}: {told}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

fn counted(told: &str) -> Option<Load> {
    let per_second = told.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"))?;
    let requests = told.lines().find_map(|line| line.split_once(" requests in "))?.0;
    Some(Load { per_second: per_second.trim().parse().ok()?, requests: requests.trim().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_counts_are_found() {
        let told = "  32 connections\n  114062 requests in 1.10s, 14.14MB read\nRequests/sec: 103693.95\n";
        let load = counted(told).expect("they are there");
        assert_eq!((load.requests, load.per_second), (114_062, 103_693.95));
    }
}
