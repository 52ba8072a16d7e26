//! A cluster of six servers: three primaries, and a replica of each.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::server::Server;

/// Time for the servers to agree, on a machine that is busy with other tests.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running cluster of three primaries and three replicas.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<Server>,
}

impl Cluster {
    /// Starts a cluster and waits until every server sees all of it.
    ///
    /// # Panics
    ///
    /// Panics if the cluster cannot be created.
    #[must_use]
    pub fn start() -> Self {
        let servers: Vec<_> = (0..6).map(|_| Options::new().cluster().start()).collect();
        let cluster = Self { servers };
        cluster.join();
        cluster.wait_until_whole();
        cluster
    }

    /// Waits until every running server sees all slots and every primary has its replica.
    ///
    /// # Panics
    ///
    /// Panics if it takes too long.
    pub fn wait_until_whole(&self) {
        self.wait_until("the cluster is whole", |server| {
            server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok") && is_replicated(server)
        });
    }

    fn join(&self) {
        let addresses = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port()));
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "create"]).args(addresses);
        command.args(["--cluster-replicas", "1", "--cluster-yes"]).stdin(Stdio::null());
        let output = command.output().expect("redis-cli runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "cannot create the cluster:\n{said}");
    }

    /// Waits until a condition holds on every running server.
    ///
    /// # Panics
    ///
    /// Panics if it takes too long.
    pub fn wait_until(&self, condition: &str, holds: impl Fn(&Server) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        for server in &self.servers {
            while !holds(server) {
                assert!(Instant::now() < deadline, "timed out waiting until {condition}");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Moves slots and their keys between two primaries, named by their CLUSTER MYID.
    ///
    /// # Panics
    ///
    /// Panics if they cannot be moved.
    pub fn move_slots(&self, from: &str, to: &str, count: u16) {
        let address = format!("127.0.0.1:{}", self.servers[0].port());
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "reshard", &address, "--cluster-from", from, "--cluster-to", to]);
        command.args(["--cluster-slots", &count.to_string(), "--cluster-yes"]).stdin(Stdio::null());
        let output = command.output().expect("redis-cli runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "cannot move slots:\n{said}");
    }

    /// Waits until every replica has caught up with its primary.
    ///
    /// # Panics
    ///
    /// Panics if it takes too long.
    pub fn wait_for_replicas(&self) {
        self.wait_until("the replicas have caught up", |server| !is_primary(server) || replica_is_current(server));
    }

    /// Returns the URL, which names all servers.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        format!("redis-cluster://{}", hosts.join(","))
    }

    /// Returns the servers in the order of their start. The first three began as primaries.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Returns the servers, to kill and restart them.
    pub fn servers_mut(&mut self) -> &mut [Server] {
        &mut self.servers
    }

    /// Runs a command on every primary and returns what each printed.
    #[must_use]
    pub fn on_primaries(&self, arguments: &[&str]) -> Vec<String> {
        let primaries = self.servers.iter().filter(|server| is_primary(server));
        primaries.map(|server| server.cli(arguments)).collect()
    }

    /// Returns the index of the primary that serves a key's slot.
    ///
    /// # Panics
    ///
    /// Panics if no server serves it.
    #[must_use]
    pub fn primary_of(&self, key: &str) -> usize {
        let has = |server: &Server| is_primary(server) && !server.cli(&["EXISTS", key]).contains("MOVED");
        self.servers.iter().position(has).expect("some server serves the slot")
    }
}

fn is_primary(server: &Server) -> bool {
    server.cli(&["ROLE"]).starts_with("master")
}

fn is_replicated(server: &Server) -> bool {
    let info = server.cli(&["INFO", "replication"]);
    info.contains("connected_slaves:1") || info.contains("master_link_status:up")
}

fn replica_is_current(server: &Server) -> bool {
    let info = server.cli(&["INFO", "replication"]);
    let find = |name: &str| info.lines().find_map(|line| line.trim().strip_prefix(name));
    let acknowledged =
        find("slave0:").and_then(|replica| replica.split(',').find_map(|part| part.strip_prefix("offset=")));
    acknowledged.is_some() && acknowledged == find("master_repl_offset:")
}
