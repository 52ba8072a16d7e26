//! Databases are killed, frozen, cut off, failed over and resharded while clients of four servers
//! record the answers. The records are then checked.
//!
//! Each test takes ten seconds or `SESSIONS_NEMESIS_SECONDS`, and longer if two disturbances take
//! longer.

use std::env;
use std::mem;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use sessions_tests::history::{Act, History, Site, Told, work_until};
use sessions_tests::{Options, Request, Response, Server, query};
use test_servers::{Cluster, MariaDb, Options as Redis, Postgres, Proxy, RaiseOnDrop};

use crate::support::FRAMEWORKS;

/// Number of crowds of clients.
const CROWDS: u64 = 3;

/// Time between two disturbances.
const CALM: Duration = Duration::from_millis(700);

/// Minimum number of disturbances.
const LEAST: usize = 2;

/// Minimum number of answers between two disturbances.
const ANSWERS: usize = 20;

/// Time for clients to be answered again after a disturbance.
const PATIENCE: Duration = Duration::from_secs(30);

/// Four demos, one of each framework.
struct Demos([Server; 4]);

impl Demos {
    /// Starts the demos, each with its own URL of the store.
    fn start(url: impl Fn(usize) -> String) -> Self {
        let mut number = 0;
        Self(FRAMEWORKS.map(|framework| {
            number += 1;
            Options::new(framework).store(&url(number - 1)).start()
        }))
    }

    fn ask(&self, server: usize, token: Option<&str>, target: &str) -> Option<Response> {
        let server = &self.0[server];
        let mut visitor = match token {
            Some(token) => server.visitor_with(token),
            None => server.visitor(),
        };
        visitor.try_ask(Request::get(target)).ok()
    }
}

impl Site for Demos {
    fn servers(&self) -> usize {
        self.0.len()
    }

    fn sign_in(&self, server: usize, user: &str) -> Option<String> {
        let answer = self.ask(server, None, &query("/login", &[("user", user)]))?;
        let cookies = answer.set_cookies();
        cookies.first().filter(|_| answer.status() == 200).map(|cookie| cookie.value().to_owned())
    }

    fn perform(&self, server: usize, token: &str, act: &Act) -> Told {
        let target = match act {
            Act::Put { key, value } => query("/put", &[("k", key), ("v", value)]),
            Act::Increment => "/incr?k=count".to_owned(),
            Act::Read => "/get/".to_owned(),
            Act::SetFlash { value } => query("/flash/set", &[("k", "f"), ("v", value)]),
            Act::TakeFlash => "/flash/get?k=f".to_owned(),
            Act::SignOut => "/logout".to_owned(),
        };
        self.ask(server, Some(token), &target).map_or(Told::Unknown, |answer| told(act, &answer))
    }
}

/// Converts a response to a request with a session's token.
fn told(act: &Act, answer: &Response) -> Told {
    let sets_cookie = !answer.set_cookies().is_empty();
    match (answer.status(), act) {
        (500.., _) if sets_cookie => Told::Fault(format!("{} with a cookie", answer.status())),
        (500.., _) => Told::Unknown,
        (401, _) => Told::Ended,
        (200, Act::Read) => {
            let entries = answer.clone().entries();
            if entries.contains_key("owner") { Told::Entries(entries) } else { Told::Ended }
        }
        (200, Act::TakeFlash) => Told::Flash(Some(answer.text()).filter(|text| !text.is_empty())),
        (200, Act::SignOut) => Told::Done,
        // The write began a new session, since this one had ended.
        (200, _) if sets_cookie => Told::Ended,
        (200, _) => Told::Done,
        (409, _) => Told::Refused,
        (status, _) => Told::Fault(status.to_string()),
    }
}

/// Disturbs a database repeatedly while clients work, and returns their history.
fn disturb(demos: &Demos, mut disturbance: impl FnMut(usize)) -> History {
    let seconds = env::var("SESSIONS_NEMESIS_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(10));
    let (history, is_over) = (History::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let _over = RaiseOnDrop(&is_over);
        scope.spawn(|| work_until(&is_over, &history, demos, CROWDS));
        let begun = Instant::now();
        for round in 0.. {
            thread::sleep(CALM);
            wait_for_answers(&history);
            if round >= LEAST && begun.elapsed() > time {
                break;
            }
            disturbance(round);
        }
    });
    #[expect(clippy::print_stdout, reason = "the result of `cargo xtask nemesis`")]
    {
        println!("{}: {}", thread::current().name().unwrap_or_default(), history.summary());
    }
    assert!(history.len() > 100, "too few requests: {}", history.summary());
    history
}

/// Waits until clients are answered, so that each disturbance interrupts requests.
fn wait_for_answers(history: &History) {
    let (begun, before) = (Instant::now(), history.answered());
    while history.answered() < before + ANSWERS {
        assert!(begun.elapsed() < PATIENCE, "no more requests are answered: {}", history.summary());
        thread::sleep(Duration::from_millis(10));
    }
}

#[track_caller]
fn expect_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

/// Briefly disturbs the connections of the servers, in one of several ways.
fn cut(proxies: &[Proxy], round: usize) {
    for proxy in proxies {
        match round % 3 {
            0 => proxy.lose_every(7),
            1 => proxy.swallow(),
            _ => proxy.delay_replies(300),
        }
    }
    thread::sleep(CALM);
    for proxy in proxies {
        proxy.lose_every(0);
        proxy.delay_replies(0);
        proxy.heal();
    }
}

/// Disturbs one Redis or Valkey server that writes every command to disk.
fn disturb_redis(options: Redis) {
    let mut redis = options.durable().start();
    let proxies: Vec<Proxy> = FRAMEWORKS.iter().map(|_| Proxy::to(redis.port())).collect();
    let demos = Demos::start(|number| proxies[number].url());
    let history = disturb(&demos, |round| match round % 3 {
        0 => {
            redis.kill();
            thread::sleep(CALM);
            redis.restart();
        }
        1 => {
            redis.freeze();
            thread::sleep(CALM);
            redis.thaw();
        }
        _ => cut(&proxies, round / 3),
    });
    expect_none(&history.violations());
}

#[test]
fn nothing_is_lost_in_redis() {
    if test_servers::installed() {
        disturb_redis(Redis::new());
    }
}

#[test]
fn nothing_is_lost_in_valkey() {
    if test_servers::valkey_is_installed() {
        disturb_redis(Redis::new().valkey());
    }
}

#[test]
fn no_sign_out_is_lost_in_a_cluster_that_fails_over() {
    if !test_servers::installed() {
        return;
    }
    let mut cluster = Cluster::start();
    let url = format!("{}?wait_for_replicas=1", cluster.url());
    let demos = Demos::start(|_| url.clone());
    cluster.wait_for_replicas();
    let history = disturb(&demos, |round| {
        let number = round % 3;
        cluster.servers_mut()[number].kill();
        thread::sleep(5 * CALM);
        cluster.servers_mut()[number].restart();
        cluster.wait_until_whole();
        cluster.wait_for_replicas();
    });
    expect_none(&history.violations_despite_losses());
}

#[test]
fn nothing_is_lost_in_a_cluster_that_is_resharded() {
    if !test_servers::installed() {
        return;
    }
    let cluster = Cluster::start();
    // With this prefix, all keys are in one slot, so that its move affects every client.
    let url = format!("{}?prefix=%7Bnemesis%7D%3A", cluster.url());
    let demos = Demos::start(|_| url.clone());
    let first = cluster.primary_of("{nemesis}");
    let history = disturb(&demos, |round| {
        let from = (first + round) % 3;
        cluster.move_slot_of("{nemesis}", (from, (from + 1) % 3), CALM / 20);
    });
    let redirects = cluster.on_primaries(&["INFO", "errorstats"]).join("\n");
    assert!(redirects.contains("errorstat_ASK"), "no request was redirected by a moving slot: {redirects}");
    expect_none(&history.violations());
}

#[test]
fn nothing_is_lost_in_postgres() {
    if !Postgres::is_installed() {
        return;
    }
    let mut postgres = Postgres::start_with(Postgres::DURABLE);
    let proxies: Vec<Proxy> = FRAMEWORKS.iter().map(|_| Proxy::to(postgres.port())).collect();
    let demos = Demos::start(|number| postgres.url_through(&proxies[number]));
    let history = disturb(&demos, |round| match round % 4 {
        0 => {
            postgres.kill();
            thread::sleep(CALM);
            postgres.restart();
        }
        1 => {
            postgres.freeze();
            thread::sleep(CALM);
            postgres.thaw();
        }
        2 => drop(postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")),
        _ => cut(&proxies, round / 4),
    });
    expect_none(&history.violations());
}

#[test]
fn nothing_is_lost_when_postgres_fails_over() {
    if !Postgres::is_installed() {
        return;
    }
    let mut primary = Postgres::start_with(Postgres::DURABLE);
    primary.require_standby();
    let proxies: Vec<Proxy> = FRAMEWORKS.iter().map(|_| Proxy::to(primary.port())).collect();
    let replication = Proxy::to(primary.port());
    let mut standby = Postgres::start_standby_through(&primary, &replication);
    let demos = Demos::start(|number| primary.url_through(&proxies[number]));
    let history = disturb(&demos, |round| {
        primary.wait_for_standby();
        if round % 2 == 1 {
            // The next primary would lack commits that this primary acknowledged from now on.
            replication.swallow();
            thread::sleep(CALM);
        }
        // The killed primary never comes back, so it needs no fencing.
        primary.kill();
        standby.promote();
        replication.heal();
        for proxy in proxies.iter().chain([&replication]) {
            proxy.retarget(standby.port());
        }
        let next = Postgres::start_standby_through(&standby, &replication);
        primary = mem::replace(&mut standby, next);
    });
    expect_none(&history.violations());
}

#[test]
fn nothing_is_lost_in_mariadb() {
    if !MariaDb::is_installed() {
        return;
    }
    let mut mariadb = MariaDb::start_with(MariaDb::DURABLE);
    let proxies: Vec<Proxy> = FRAMEWORKS.iter().map(|_| Proxy::to(mariadb.port())).collect();
    let demos = Demos::start(|number| mariadb.url_through(&proxies[number]));
    let history = disturb(&demos, |round| match round % 3 {
        0 => {
            mariadb.kill();
            thread::sleep(CALM);
            mariadb.restart();
        }
        1 => {
            mariadb.freeze();
            thread::sleep(CALM);
            mariadb.thaw();
        }
        _ => cut(&proxies, round / 3),
    });
    expect_none(&history.violations());
}

#[test]
fn nothing_is_lost_in_a_sqlite_file_of_four_processes() {
    let folder = tempfile::tempdir().expect("there is a directory for temporary files");
    let url = format!("sqlite:{}", folder.path().join("sessions.sqlite").display());
    let demos = Demos::start(|_| url.clone());
    expect_none(&disturb(&demos, |_| {}).violations());
}
