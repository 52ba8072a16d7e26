//! A real cache between visitors and a demo: nginx, told to keep every answer that does not forbid it.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use sessions_tests::{Connection, Framework, Request, Response, Server, in_every_framework};
use tempfile::TempDir;

in_every_framework! {
    what_leaves_the_session_alone_is_cached,
    nobody_is_given_the_cookie_of_another,
    nobody_is_shown_the_page_of_another,
    a_cookie_that_was_ended_is_not_answered_from_the_cache_of_a_new_one,
}

/// How long nginx may take to start.
const START: Duration = Duration::from_secs(20);

/// An nginx with a cache in a folder of its own, stopped when dropped.
#[derive(Debug)]
struct Proxy {
    process: Child,
    address: SocketAddr,
    /// Comes last: nginx is gone before its folder is.
    _folder: TempDir,
}

impl Proxy {
    /// Starts a cache before a demo, unless there is no nginx; then it says so on the terminal.
    fn before(server: &Server) -> Option<Self> {
        if !installed() {
            return None;
        }
        let folder = TempDir::with_prefix("nginx-").expect("there is a folder for temporary files");
        let address = free_address();
        let path = folder.path().join("nginx.conf");
        fs::write(&path, configuration(&folder, address, server)).expect("the folder is ours");
        let process = Command::new("nginx")
            .args(["-e", "stderr", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(&path)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx was found before");
        let mut proxy = Self { process, address, _folder: folder };
        proxy.wait();
        Some(proxy)
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

    /// Asks through the cache, with this Cookie field.
    #[track_caller]
    fn ask(&self, target: &str, cookie: Option<&str>) -> Response {
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

impl Drop for Proxy {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One process, so that nothing is left where it is killed.
fn configuration(folder: &TempDir, address: SocketAddr, server: &Server) -> String {
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
            proxy_cache pages;
            proxy_cache_valid any 10m;
            add_header X-Cache $upstream_cache_status always;
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

fn installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    let installed = *INSTALLED.get_or_init(|| {
        let mut nginx = Command::new("nginx");
        nginx.arg("-v").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        nginx.status().is_ok_and(|status| status.success())
    });
    if !installed {
        assert!(std::env::var_os("SESSIONS_REQUIRE_NGINX").is_none(), "nginx is not installed");
        let thread = thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not by `eprintln!`, which the test harness keeps to itself as long as the test passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {test}: no nginx found; `cargo xtask test` installs it, or on Debian `apt-get install nginx-light`"
        );
    }
    installed
}

/// Whether the answer came from the cache.
fn is_hit(answer: &Response) -> bool {
    answer.field("X-Cache") == Some("HIT")
}

/// The Cookie field that a browser sends after this answer.
#[track_caller]
fn cookie_of(server: &Server, answer: &Response) -> String {
    match answer.set_cookies().as_slice() {
        [cookie] => server.cookie(cookie.value()),
        _ => panic!("expected one Set-Cookie, but\n{answer}"),
    }
}

fn what_leaves_the_session_alone_is_cached(framework: Framework) {
    let server = Server::start(framework);
    let Some(proxy) = Proxy::before(&server) else { return };
    let ann = cookie_of(&server, &proxy.ask("/login?user=ann", None));
    for page in ["/", "/plain"] {
        assert!(!is_hit(&proxy.ask(page, None).expect_ok()));
        for cookie in [None, Some(ann.as_str()), Some("other=1")] {
            let answer = proxy.ask(page, cookie).expect_ok().expect_no_cookie();
            assert!(is_hit(&answer), "expected an answer from the cache, but\n{answer}");
        }
    }
}

fn nobody_is_given_the_cookie_of_another(framework: Framework) {
    let server = Server::start(framework);
    let Some(proxy) = Proxy::before(&server) else { return };
    for target in ["/set", "/put?k=a&v=1", "/incr?k=n", "/login?user=ann", "/flash/set?k=a&v=1"] {
        let mut cookies: Vec<String> = (0..3).map(|_| cookie_of(&server, &proxy.ask(target, None))).collect();
        cookies.sort_unstable();
        cookies.dedup();
        assert_eq!(cookies.len(), 3, "{target} gave the same cookie to two visitors");
    }
    // A removal would sign out whoever gets it from the cache.
    let ann = cookie_of(&server, &proxy.ask("/login?user=ann", None));
    let removal = proxy.ask("/logout", Some(&ann)).expect_text("ok");
    assert_eq!(removal.set_cookies().len(), 1, "{removal}");
    proxy.ask("/logout", None).expect_text("ok").expect_no_cookie();
}

fn nobody_is_shown_the_page_of_another(framework: Framework) {
    let server = Server::start(framework);
    let Some(proxy) = Proxy::before(&server) else { return };
    let users = ["ann", "bob"].map(|user| {
        let cookie = cookie_of(&server, &proxy.ask(&format!("/login?user={user}"), None));
        proxy.ask(&format!("/put?k=name&v={user}"), Some(&cookie)).expect_text("ok").expect_no_cookie();
        (user, cookie)
    });
    // Twice, so that the second time the cache has what it was willing to keep.
    for _ in 0..2 {
        for (user, cookie) in &users {
            proxy.ask("/get", Some(cookie)).expect_name(user);
            assert_eq!(proxy.ask("/whoami", Some(cookie)).json()["user"], *user);
            assert_eq!(proxy.ask("/get/", Some(cookie)).entries()["name"], *user);
            let sessions = proxy.ask("/sessions", Some(cookie)).json();
            assert_eq!(sessions.as_array().map(Vec::len), Some(1), "{sessions}");
        }
        proxy.ask("/get", None).expect_name("");
        assert!(proxy.ask("/whoami", None).json()["user"].is_null());
        proxy.ask("/get/", None).expect_text("{}").expect_no_cookie();
        proxy.ask("/sessions", None).expect_text("[]");
        let forged = server.cookie(&sessions_tests::random_token());
        proxy.ask("/get", Some(&forged)).expect_name("");
    }
}

fn a_cookie_that_was_ended_is_not_answered_from_the_cache_of_a_new_one(framework: Framework) {
    let server = Server::start(framework);
    let Some(proxy) = Proxy::before(&server) else { return };
    let before = cookie_of(&server, &proxy.ask("/put?k=cart&v=3", None));
    let after = cookie_of(&server, &proxy.ask("/login?user=ann", Some(&before)));
    assert_ne!(before, after);
    assert_eq!(proxy.ask("/whoami", Some(&after)).json()["user"], "ann");
    assert!(proxy.ask("/whoami", Some(&before)).json()["user"].is_null());
    proxy.ask("/get/", Some(&before)).expect_text("{}");
}
