//! A cluster of six servers: three primaries, and a replica of each.

use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::server::Server;

/// Time for the servers to agree, on a machine that is busy with other tests.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Script that sends some keys of slot `ARGV[1]` to port `ARGV[2]`, and returns the number of keys
/// that are left. Keys need not be text.
const SEND_KEYS: &str = "local keys = redis.call('CLUSTER', 'GETKEYSINSLOT', ARGV[1], 500)
if #keys > 0 then
    redis.call('MIGRATE', '127.0.0.1', ARGV[2], '', 0, 5000, 'KEYS', unpack(keys))
end
return redis.call('CLUSTER', 'COUNTKEYSINSLOT', ARGV[1])";

/// A running cluster of three primaries and three replicas.
#[derive(Debug)]
pub struct Cluster {
    servers: Vec<Server>,
}

impl Cluster {
    /// Starts a cluster and waits until all servers agree on it.
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

    /// Waits until all slots are served, as seen by every running server, and every primary has its
    /// replica.
    ///
    /// # Panics
    ///
    /// Panics if it takes too long.
    pub fn wait_until_whole(&self) {
        self.wait_until("the cluster is whole", |_, server| {
            server.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok") && is_replicated(server)
        });
    }

    fn join(&self) {
        let addresses = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port()));
        let mut arguments: Vec<String> = vec!["create".into()];
        arguments.extend(addresses);
        arguments.extend(["--cluster-replicas".into(), "1".into()]);
        manage(&arguments);
    }

    /// Waits until a condition holds on every server.
    fn wait_until(&self, condition: &str, holds: impl Fn(usize, &Server) -> bool) {
        let deadline = Instant::now() + TIMEOUT;
        for (index, server) in self.servers.iter().enumerate() {
            while !holds(index, server) {
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
        let count = count.to_string();
        let arguments = ["reshard", &address, "--cluster-from", from, "--cluster-to", to, "--cluster-slots", &count];
        manage(&arguments.map(str::to_owned));
    }

    /// Moves the slot of a key between two primaries, named by their index.
    ///
    /// The move pauses in each of its states: before and after the keys move, and while not all
    /// primaries have the new owner.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be moved.
    pub fn move_slot_of(&self, key: &str, (from, to): (usize, usize), pause: Duration) {
        let (source, target) = (&self.servers[from], &self.servers[to]);
        let [source_id, target_id] = [source, target].map(|server| server.cli(&["CLUSTER", "MYID"]));
        let (slot, port) = (source.cli(&["CLUSTER", "KEYSLOT", key]), target.port().to_string());
        let set = |server: &Server, state: &[&str]| {
            assert_eq!(server.cli(&[&["CLUSTER", "SETSLOT", &slot], state].concat()), "OK", "{state:?}");
            thread::sleep(pause);
        };
        set(target, &["IMPORTING", &source_id]);
        set(source, &["MIGRATING", &target_id]);
        let (mut least, mut deadline) = (u64::MAX, Instant::now() + TIMEOUT);
        loop {
            let answer = source.cli(&["EVAL", SEND_KEYS, "0", &slot, &port]);
            let left = answer.parse::<u64>();
            match left {
                Ok(0) => break,
                // After a long run the slot has many keys.
                Ok(left) if left < least => (least, deadline) = (left, Instant::now() + TIMEOUT),
                _ => {}
            }
            // On a busy machine, the servers may take each other for failed for a moment.
            let is_down = ["CLUSTERDOWN", "cluster is down"].iter().any(|text| answer.contains(text));
            let is_under_way = is_down || left.is_ok();
            assert!(is_under_way && Instant::now() < deadline, "the keys of a slot are not sent: {answer}");
        }
        thread::sleep(pause);
        set(target, &["NODE", &target_id]);
        set(source, &["NODE", &target_id]);
    }

    /// Waits until every replica has the writes that its primary has at the time of the call.
    ///
    /// # Panics
    ///
    /// Panics if it takes too long.
    pub fn wait_for_replicas(&self) {
        // Clients may continue to write, so a replica's offset may never equal that of its primary.
        let written: Vec<_> = self.servers.iter().map(|server| offset(server, "master_repl_offset:")).collect();
        self.wait_until("the replicas have caught up", |index, server| {
            !is_primary(server) || offset(server, "slave0:") >= written[index]
        });
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

/// Runs `redis-cli --cluster` with a deadline: it waits forever for servers that do not agree.
fn manage(arguments: &[String]) {
    let mut command = Command::new("redis-cli");
    command.arg("--cluster").args(arguments).arg("--cluster-yes");
    // A pipe that nothing reads meanwhile could fill up.
    let mut said = tempfile::tempfile().expect("there is a directory for temporary files");
    command.stdin(Stdio::null()).stdout(said.try_clone().expect("a file has two handles"));
    let mut child = command.spawn().expect("redis-cli runs");
    let deadline = Instant::now() + TIMEOUT;
    while child.try_wait().expect("redis-cli is our child").is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    // Fails only if it has ended.
    let _ = child.kill();
    let status = child.wait().expect("redis-cli is our child");
    let mut text = String::new();
    said.rewind().and_then(|()| said.read_to_string(&mut text)).expect("the file is ours");
    assert!(status.success(), "{command:?}: {status}\n{text}");
}

fn is_primary(server: &Server) -> bool {
    server.cli(&["ROLE"]).starts_with("master")
}

fn is_replicated(server: &Server) -> bool {
    let info = server.cli(&["INFO", "replication"]);
    info.contains("connected_slaves:1") || info.contains("master_link_status:up")
}

/// Returns an offset from a server's `INFO replication`: its own, or the one that a replica has
/// acknowledged.
fn offset(server: &Server, name: &str) -> Option<u64> {
    let info = server.cli(&["INFO", "replication"]);
    let line = info.lines().find_map(|line| line.trim().strip_prefix(name))?;
    let offset = line.split(',').find_map(|part| part.strip_prefix("offset=")).unwrap_or(line);
    offset.parse().ok()
}
