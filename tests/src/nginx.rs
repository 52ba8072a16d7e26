use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Connection, NGINX, Request, Response, Server};

/// How long nginx may take to start.
const START: Duration = Duration::from_secs(20);

/// An nginx in front of a demo. Stopped when dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    address: SocketAddr,
    /// Comes last: nginx is gone before its folder is.
    _folder: TempDir,
}

impl Nginx {
    /// Starts an nginx that caches every response that does not forbid it. Returns `None`, and
    /// reports the test as skipped, where nginx is not installed.
    ///
    /// # Panics
    ///
    /// Panics if nginx does not start in time.
    #[must_use]
    pub fn caching(server: &Server) -> Option<Self> {
        Self::start(server, CACHE)
    }

    /// Starts an nginx that passes everything on, as [`Nginx::caching`] does.
    ///
    /// # Panics
    ///
    /// Panics if nginx does not start in time.
    #[must_use]
    pub fn passing(server: &Server) -> Option<Self> {
        Self::start(server, "")
    }

    fn start(server: &Server, cache: &str) -> Option<Self> {
        if !NGINX.is_installed() {
            return None;
        }
        let folder = TempDir::with_prefix("nginx-").expect("there is a folder for temporary files");
        let address = free_address();
        let path = folder.path().join("nginx.conf");
        fs::write(&path, configuration(&folder, address, server, cache)).expect("the folder is ours");
        let process = Command::new("nginx")
            .args(["-e", "stderr", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx was found before");
        let mut nginx = Self { process, address, _folder: folder };
        nginx.wait();
        Some(nginx)
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + START;
        while TcpStream::connect(self.address).is_err() {
            let ended = self.process.try_wait().expect("nginx is ours");
            assert!(ended.is_none(), "nginx ended: {ended:?}");
            assert!(Instant::now() < deadline, "nginx does not listen");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns the port that nginx listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sends a GET through nginx, with this `Cookie` field.
    ///
    /// # Panics
    ///
    /// Panics if no response comes.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, target: &str, cookie: Option<&str>) -> Response {
        let request = Request::get(target);
        let request = match cookie {
            Some(cookie) => request.cookie(cookie),
            None => request,
        };
        match Connection::open(self.address).exchange(&request) {
            Ok(answer) => answer,
            Err(error) => panic!("{request}: no answer through nginx: {error}"),
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Keeps whatever may be kept, and tells where an answer came from.
const CACHE: &str = "proxy_cache pages;
            proxy_cache_valid any 10m;
            add_header X-Cache $upstream_cache_status always;";

/// One process, so that nothing is left where it is killed.
fn configuration(folder: &TempDir, address: SocketAddr, server: &Server, cache: &str) -> String {
    let folder = folder.path().display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};"))
        .join("\n    ");
    format!(
        "daemon off;
master_process off;
pid {folder}/pid;
error_log stderr error;
events {{}}
http {{
    access_log off;
    {temporary}
    proxy_cache_path {folder}/cache keys_zone=pages:1m;
    server {{
        listen {address};
        location / {{
            proxy_pass http://{demo};
            proxy_http_version 1.1;
            proxy_set_header Host localhost;
            {cache}
        }}
    }}
}}
",
        demo = server.address()
    )
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("a listener has an address")
}
