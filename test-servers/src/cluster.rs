//! Six servers that form a cluster: three primaries, and a replica of each.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::server::Server;

/// Is how long the servers have to agree, on a machine that is busy with other tests.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Is a running cluster of three primaries and three replicas.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<Server>,
}

impl Cluster {
    /// Starts a cluster, and waits until every server sees it whole.
    ///
    /// # Panics
    ///
    /// Panics if it does not come about.
    #[must_use]
    pub fn start() -> Self {
        let servers: Vec<_> = (0..6).map(|_| Options::new().cluster().start()).collect();
        let cluster = Self { servers };
        cluster.join();
        cluster.wait_until_whole();
        cluster
    }

    /// Waits until every server that runs sees all slots, and every primary has its replica.
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
        assert!(output.status.success(), "no cluster was created:\n{said}");
    }

    /// Waits until something is so at every server that runs.
    ///
    /// # Panics
    ///
    /// Panics if it takes too long.
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Server) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        for server in &self.servers {
            while !is_so(server) {
                assert!(Instant::now() < deadline, "it took too long until {what}");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Moves slots, and what lies in them, between two primaries, named by their CLUSTER MYID.
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
        assert!(output.status.success(), "no slots were moved:\n{said}");
    }

    /// Waits until every replica has what its primary has.
    ///
    /// # Panics
    ///
    /// Panics if it takes too long.
    pub fn wait_for_replicas(&self) {
        self.wait_until("the replicas have it all", |server| !is_primary(server) || has_told_its_replica(server));
    }

    /// Returns the URL, with all servers in it.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        format!("redis-cluster://{}", hosts.join(","))
    }

    /// Returns the servers, in the order of their start: the first three began as primaries.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Returns the servers, to kill and to start again.
    pub fn servers_mut(&mut self) -> &mut [Server] {
        &mut self.servers
    }

    /// Runs a command at every primary, and returns what each printed.
    #[must_use]
    pub fn at_primaries(&self, arguments: &[&str]) -> Vec<String> {
        let primaries = self.servers.iter().filter(|server| is_primary(server));
        primaries.map(|server| server.cli(arguments)).collect()
    }

    /// Finds the primary that has a key's slot.
    ///
    /// # Panics
    ///
    /// Panics if no server says that it has.
    #[must_use]
    pub fn primary_of(&self, key: &str) -> usize {
        let has = |server: &Server| is_primary(server) && !server.cli(&["EXISTS", key]).contains("MOVED");
        self.servers.iter().position(has).expect("some server has the slot")
    }
}

fn is_primary(server: &Server) -> bool {
    server.cli(&["ROLE"]).starts_with("master")
}

fn is_replicated(server: &Server) -> bool {
    let info = server.cli(&["INFO", "replication"]);
    info.contains("connected_slaves:1") || info.contains("master_link_status:up")
}

fn has_told_its_replica(server: &Server) -> bool {
    let info = server.cli(&["INFO", "replication"]);
    let find = |name: &str| info.lines().find_map(|line| line.trim().strip_prefix(name));
    let told = find("slave0:").and_then(|replica| replica.split(',').find_map(|part| part.strip_prefix("offset=")));
    told.is_some() && told == find("master_repl_offset:")
}
