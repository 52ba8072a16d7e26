//! The life of sessions.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sessions_minihttp::global::{destroy_by_id, start, update_expiration};
use sessions_minihttp::sessions_core::testing::ManualClock;
use sessions_minihttp::{
    BoxError, DestroyReason, Event, Expiry, OutagePolicy, RejectReason, Request, Response, SessionService, Sessions,
    SessionsExt, WithSessions, block_on,
};

use crate::support::{Client, get, run, serve, service, sessions, set_global};

fn routes(request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
    match request.path() {
        "/plain" => response.body("ok"),
        "/set" => request.session()?.set("name", "iris")?,
        "/get" => response.body_vec(request.session()?.lenient("name").text().unwrap_or_default().into_bytes()),
        "/incr" => response.body_vec(request.session()?.increment("n", 1)?.to_string().into_bytes()),
        "/login" => request.session()?.login("user-42")?,
        "/user" => response.body_vec(request.session()?.principal().unwrap_or_default().into_bytes()),
        "/devices" => {
            let count = block_on(request.sessions().sessions_of("user-42"))?.len();
            response.body_vec(count.to_string().into_bytes());
        }
        "/save" => {
            let session = request.session()?;
            session.set("saved", "yes")?;
            block_on(session.save())?;
            session.set("unsaved", "yes")?;
            response.status_code(500, "Internal Server Error");
        }
        "/saved" => {
            let session = request.session()?;
            let taken: Option<String> = block_on(session.take("saved"))?;
            response.body_vec(format!("{taken:?} {}", session.contains("unsaved")).into_bytes());
        }
        "/logout" => request.session()?.destroy(),
        _ => _ = response.status_code(404, "Not Found"),
    }
    Ok(())
}

#[test]
fn preflight_begins_no_session() {
    let sessions = sessions();
    let mut client = Client::new(serve(sessions.clone(), routes));
    for _ in 0..100 {
        let answer = client.ask(&get("/set", "").replacen("GET", "OPTIONS", 1));
        assert_eq!((answer.status, answer.one("set-cookie")), (200, None));
    }
    assert_eq!(block_on(sessions.count()).unwrap(), 0);
}

#[test]
fn session_lives_until_the_logout() {
    let mut client = Client::new(serve(sessions(), routes));
    let first = client.get("/set", "");
    assert_eq!(first.status, 200);
    assert_eq!(first.one("cache-control"), Some("no-store"));
    assert_eq!(first.one("vary"), Some("Cookie"));
    let cookie = first.cookie().to_owned();

    let read = client.get("/get", &cookie);
    assert_eq!((read.body.as_str(), read.one("set-cookie")), ("iris", None));
    assert_eq!(read.one("vary"), Some("Cookie"));

    let login = client.get("/login", &cookie);
    let renewed = login.cookie().to_owned();
    assert_eq!(client.get("/get", &renewed).body, "iris");
    assert_eq!(client.get("/user", &renewed).body, "user-42");
    assert_eq!(client.get("/user", &cookie).body, "", "the cookie from before the login is dead");
    assert_eq!(client.get("/devices", "").body, "1");

    let logout = client.get("/logout", &renewed);
    assert_eq!(logout.cookie(), "id=");
    assert!(logout.head.contains("Max-Age=0"));
    assert_eq!(client.get("/user", &renewed).body, "");
}

#[test]
fn route_without_a_session_sets_no_headers() {
    let mut client = Client::new(serve(sessions(), routes));
    let plain = client.get("/plain", "id=x");
    assert_eq!(plain.body, "ok");
    assert_eq!((plain.one("set-cookie"), plain.one("vary"), plain.one("cache-control")), (None, None, None));
    assert_eq!(client.get("/nowhere", "").status, 404);
}

#[test]
fn cookie_is_found_in_any_header() {
    let mut client = Client::new(serve(sessions(), routes));
    let cookie = client.get("/set", "").cookie().to_owned();
    let fields = format!("cookie: a=1; \u{ff}=2\r\nCOOKIE: b; =;{cookie}\r\nCookie: c=3\r\n");
    assert_eq!(client.ask(&format!("GET /get HTTP/1.1\r\nHost: test\r\n{fields}\r\n")).body, "iris");
    assert_eq!(client.ask(&format!("GET /get HTTP/1.1\r\nHost: test\r\nX-Cookie: {cookie}\r\n\r\n")).body, "");
}

#[test]
fn pipelined_requests_get_their_own_cookies() {
    let mut client = Client::new(serve(sessions(), routes));
    let paths: Vec<_> = (0..200).map(|n| ["/login", "/plain", "/set", "/get"][n % 4]).collect();
    client.send(paths.iter().map(|path| get(path, "")).collect::<String>().as_bytes());
    let answers: Vec<_> = paths.iter().map(|_| client.receive().unwrap()).collect();
    let mut cookies = std::collections::HashSet::new();
    for (path, answer) in paths.iter().zip(&answers) {
        match *path {
            "/login" | "/set" => assert!(cookies.insert(answer.cookie().to_owned()), "{}", answer.head),
            _ => assert_eq!(answer.one("set-cookie"), None),
        }
    }
    assert_eq!(cookies.len(), 100);
    for (path, answer) in paths.iter().zip(&answers) {
        match *path {
            "/login" => assert_eq!(client.get("/user", answer.cookie()).body, "user-42"),
            "/set" => assert_eq!(client.get("/get", answer.cookie()).body, "iris"),
            _ => {}
        }
    }
}

#[test]
fn concurrent_increments_are_exact() {
    let address = serve(sessions(), routes);
    let cookie = Client::new(address).get("/set", "").cookie().to_owned();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::new(address);
                client.send(get("/incr", &cookie).repeat(50).as_bytes());
                (0..50).for_each(|_| assert_eq!(client.receive().unwrap().status, 200));
            });
        }
    });
    assert_eq!(Client::new(address).get("/incr", &cookie).body, "401");
}

#[test]
fn immediate_writes_survive_a_failed_request() {
    let mut client = Client::new(serve(sessions(), routes));
    let failed = client.get("/save", "");
    assert_eq!(failed.status, 500);
    let cookie = failed.cookie().to_owned();
    assert_eq!(client.get("/saved", &cookie).body, "Some(\"yes\") false");
    assert_eq!(client.get("/saved", &cookie).body, "None false");
}

#[test]
fn server_may_have_several_managers() {
    let staff = Sessions::builder().secure(false).cookie_name("staff").build().unwrap();
    let shop = sessions();
    let handles = (staff.clone(), shop.clone());
    let service = service(move |request: Request<'_>, response: &mut Response| {
        let (staff, shop) = (handles.0.start(&request)?, handles.1.start(&request)?);
        assert_eq!(shop.set("n", &1).map(|()| request.session().unwrap().len()).unwrap(), 1, "one session, one commit");
        staff.set("n", &2)?;
        assert_eq!(handles.0.start(&request)?.len(), 1, "of the other manager, too");
        match request.path() {
            "/logout" => handles.0.destroy(&request)?,
            _ => response.body_vec(format!("{} {}", shop.is_new(), staff.is_new()).into_bytes()),
        }
        Ok(())
    });
    let mut client = Client::new(serve(shop.clone(), service));
    let first = client.get("/", "");
    assert_eq!(first.body, "true true");
    let mut cookies = first.all("set-cookie");
    cookies.sort_unstable();
    assert_eq!((cookies.len(), first.all("cache-control").len()), (2, 1));
    assert!(cookies[0].starts_with("id=") && cookies[1].starts_with("staff="));
    let both: Vec<_> = cookies.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
    assert_eq!(client.get("/", &both.join("; ")).body, "false false");
    assert_eq!(client.get("/logout", &both.join("; ")).cookie(), "staff=");
    assert_eq!(client.get("/", &both.join("; ")).body, "false true");
    assert_eq!((block_on(shop.count()).unwrap(), block_on(staff.count()).unwrap()), (1, 1));
}

#[test]
fn explicit_calls_change_the_idle_timeout() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let clock = Arc::new(ManualClock::default());
    let expiry = Expiry::default().idle(minutes(10)).persistent_cookie(true);
    let sessions = Sessions::builder().secure(false).clock(Arc::clone(&clock)).expiry(expiry).build().unwrap();
    let staff = sessions.clone();
    let service = service(move |request: Request<'_>, response: &mut Response| {
        match request.path() {
            "/shift" => staff.shift_expiration(&request)?,
            "/shorten" => staff.update_expiration(&request, minutes(5))?,
            _ => response.body_vec(staff.start(&request)?.increment("n", 1)?.to_string().into_bytes()),
        }
        Ok(())
    });
    let mut client = Client::new(serve(sessions, service));
    let cookie = client.get("/", "").cookie().to_owned();
    for (path, max_age) in [("/shift", 600), ("/shorten", 300)] {
        // So early that use alone would not restart it.
        clock.advance(Duration::from_secs(1));
        let answer = client.get(path, &cookie);
        let set = answer.one("set-cookie").unwrap();
        assert!(set.contains(&format!("Max-Age={max_age}")), "{path}: {set}");
        assert_eq!(client.get(path, "").status, 401, "there is no session");
    }
    clock.advance(minutes(5));
    assert_eq!(client.get("/", &cookie).body, "1", "it has expired");
}

#[test]
fn listeners_learn_the_reasons() {
    let (ended, rejected) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (on_end, on_reject) = (Arc::clone(&ended), Arc::clone(&rejected));
    let builder = Sessions::builder().secure(false).outage(OutagePolicy::Anonymous);
    let sessions = builder
        .on_destroy(move |_, reason| on_end.lock().unwrap().push(reason))
        .on_event(move |event| {
            if let Event::Rejected { reason, .. } = event {
                on_reject.lock().unwrap().push(*reason);
            }
        })
        .build()
        .unwrap();
    let mut client = Client::new(serve(sessions, routes));
    let cookie = client.get("/login", "id=x").cookie().to_owned();
    assert_eq!(client.get("/logout", &cookie).status, 200);
    assert_eq!(*rejected.lock().unwrap(), [RejectReason::Malformed]);
    assert_eq!(*ended.lock().unwrap(), [DestroyReason::Logout]);
}

#[test]
fn global_manager_serves_too() {
    set_global();
    let service = service(|request: Request<'_>, response: &mut Response| {
        let session = start(&request)?;
        match request.path() {
            "/end" => _ = session.id().map(destroy_by_id).transpose()?,
            "/shorten" => update_expiration(&request, Duration::from_secs(60))?,
            "/logout" => sessions_minihttp::global::destroy(&request)?,
            _ => response.body_vec(session.increment("n", 1)?.to_string().into_bytes()),
        }
        Ok(())
    });
    let mut client = Client::new(serve(Sessions::global().clone(), service));
    let cookie = client.get("/", "").cookie().to_owned();
    assert_eq!(client.get("/shorten", &cookie).status, 200);
    assert_eq!(client.get("/", &cookie).body, "2");
    assert_eq!(client.get("/logout", &cookie).cookie(), "id=");
    let cookie = client.get("/", &cookie).cookie().to_owned();
    assert_eq!(client.get("/end", &cookie).status, 200);
    assert_eq!(client.get("/", &cookie).body, "1");
    assert_eq!(client.get("/shorten", "").status, 401, "there is no session to shorten");
}

/// A service that counts the requests of its connection.
struct PerConnection(usize);

impl SessionService for PerConnection {
    fn call(&mut self, request: Request<'_>, response: &mut Response) -> Result<(), BoxError> {
        self.0 += 1;
        assert_ne!(request.path(), "/panic", "as asked");
        response.body_vec(self.0.to_string().into_bytes());
        Ok(())
    }
}

#[test]
fn each_connection_may_have_its_own_service() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let make = |_| {
        MADE.fetch_add(1, Ordering::SeqCst);
        PerConnection(0)
    };
    let address = run(WithSessions::per_connection(sessions(), make));
    let (mut one, mut other) = (Client::new(address), Client::new(address));
    assert_eq!([one.get("/", "").body, one.get("/", "").body, other.get("/", "").body], ["1", "2", "1"]);
    assert_eq!(one.get("/panic", "").status, 500);
    assert_eq!(one.get("/", "").body, "1", "a service that panicked is not used again");
    assert_eq!(MADE.load(Ordering::SeqCst), 3);
}
