use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_servers::free_port;

use crate::{Connection, NGINX, Request, Response, Server};

/// Time for nginx to start.
const START: Duration = Duration::from_secs(20);

/// An nginx in front of a demo. It stops when dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    address: SocketAddr,
    /// Declared last, so that nginx stops before its directory is removed.
    _folder: TempDir,
}

impl Nginx {
    /// Starts an nginx that caches every response that does not forbid it.
    ///
    /// If nginx is not installed, reports the test as skipped and returns `None`.
    ///
    /// # Panics
    ///
    /// Panics if nginx does not start in time.
    #[must_use]
    pub fn caching(server: &Server) -> Option<Self> {
        Self::start(server, CACHE)
    }

    /// Starts an nginx that forwards everything.
    ///
    /// If nginx is not installed, reports the test as skipped and returns `None`.
    ///
    /// # Panics
    ///
    /// Panics if nginx does not start in time.
    #[must_use]
    pub fn passing(server: &Server) -> Option<Self> {
        Self::start(server, "proxy_http_version 1.1;")
    }

    /// Starts an nginx that forwards everything over HTTP/1.0, which was long its default. It
    /// buffers responses, unless they forbid it.
    ///
    /// If nginx is not installed, reports the test as skipped and returns `None`.
    ///
    /// # Panics
    ///
    /// Panics if nginx does not start in time.
    #[must_use]
    pub fn buffering(server: &Server) -> Option<Self> {
        Self::start(server, "proxy_http_version 1.0;")
    }

    fn start(server: &Server, options: &str) -> Option<Self> {
        if !NGINX.is_installed() {
            return None;
        }
        let folder = TempDir::with_prefix("nginx-").expect("there is a directory for temporary files");
        let address = (Ipv4Addr::LOCALHOST, free_port()).into();
        let path = folder.path().join("nginx.conf");
        fs::write(&path, configuration(&folder, address, server, options)).expect("the directory is ours");
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
            assert!(Instant::now() < deadline, "nginx did not start in time");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Returns the port that nginx listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Connects to nginx.
    ///
    /// # Panics
    ///
    /// Panics if nginx does not accept the connection.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// Sends a GET with a `Cookie` header through nginx.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, target: &str, cookie: Option<&str>) -> Response {
        let request = Request::get(target);
        let request = match cookie {
            Some(cookie) => request.cookie(cookie),
            None => request,
        };
        match self.connect().exchange(&request) {
            Ok(answer) => answer,
            Err(error) => panic!("{request}: no response through nginx: {error}"),
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Configuration that caches everything that may be cached, and reports cache hits in a header.
const CACHE: &str = "proxy_http_version 1.1;
            proxy_cache pages;
            proxy_cache_valid any 10m;
            add_header X-Cache $upstream_cache_status always;";

/// Returns a configuration with a single process, so that killing it leaves nothing behind.
fn configuration(folder: &TempDir, address: SocketAddr, server: &Server, options: &str) -> String {
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
            proxy_set_header Host localhost;
            {options}
        }}
    }}
}}
",
        demo = server.address()
    )
}
