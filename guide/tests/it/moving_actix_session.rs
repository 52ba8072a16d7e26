//! The program of the page on moving from actix-session, after a program with actix-session.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_session::storage::{CookieSessionStore, SaveError, UpdateError, generate_session_key};
use actix_web::HttpResponse;
use test_servers::Server;
use tokio::sync::Barrier;

use crate::support::Browser;

include!("../../programs/moving_actix_session.rs");

/// The application as it was before.
mod before {
    use actix_session::Session;
    use actix_session::storage::SessionStore;
    use actix_web::cookie::Key;
    use actix_web::web::{Query, ServiceConfig, get, post, scope};
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Name {
        name: String,
    }

    async fn put(session: Session, thing: Query<Name>) -> &'static str {
        session.insert("cart", [&thing.name]).unwrap();
        "put"
    }

    async fn sign_in(session: Session, user: Query<Name>) -> &'static str {
        session.renew();
        session.insert("user", &user.name).unwrap();
        "welcome"
    }

    async fn sign_out(session: Session) -> &'static str {
        session.purge();
        "good bye"
    }

    async fn whoami(session: Session) -> String {
        session.get("user").unwrap().unwrap()
    }

    pub(super) fn routes<S: SessionStore + 'static>(store: S, key: Key) -> impl FnOnce(&mut ServiceConfig) {
        let routes = scope("")
            .wrap(actix_session::SessionMiddleware::new(store, key))
            .route("/put", post().to(put))
            .route("/sign-in", post().to(sign_in))
            .route("/sign-out", post().to(sign_out))
            .route("/whoami", get().to(whoami));
        |config| {
            config.service(routes);
        }
    }
}

/// What a session holds.
type State = HashMap<String, String>;

/// A store in memory, since actix-session has none.
#[derive(Clone, Default)]
struct Memory {
    states: Arc<std::sync::Mutex<HashMap<String, (State, OffsetDateTime)>>>,
    /// Where requests that have loaded wait for each other.
    barrier: Option<Arc<Barrier>>,
    /// Whether the store cannot be reached.
    fails: bool,
}

impl SessionStore for Memory {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        if self.fails {
            return Err(LoadError::Other(anyhow::anyhow!("unreachable")));
        }
        let states = self.states.lock().unwrap().clone();
        if let Some(barrier) = &self.barrier {
            barrier.wait().await;
        }
        let live = states.get(key.as_ref()).filter(|(_, end)| *end > OffsetDateTime::now_utc());
        Ok(live.map(|(state, _)| state.clone()))
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        let key = generate_session_key();
        self.states.lock().unwrap().insert(key.as_ref().to_owned(), (state, OffsetDateTime::now_utc() + *ttl));
        Ok(key)
    }

    async fn update(&self, key: SessionKey, state: State, ttl: &Duration) -> Result<SessionKey, UpdateError> {
        self.states.lock().unwrap().insert(key.as_ref().to_owned(), (state, OffsetDateTime::now_utc() + *ttl));
        Ok(key)
    }

    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> anyhow::Result<()> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> anyhow::Result<()> {
        self.states.lock().unwrap().remove(key.as_ref());
        Ok(())
    }
}

fn key() -> Key {
    Key::from(&[7; 64])
}

fn old<S>(store: S, grace: Duration) -> Old<S> {
    let until = OffsetDateTime::now_utc() + Duration::days(1);
    Old { store, key: key(), until, grace, signed_out: Mutex::default() }
}

/// Runs a server in a thread of its own, since browsers block theirs.
macro_rules! run {
    ($app:expr) => {{
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (app, address) = ($app, listener.local_addr().unwrap());
        let serve = async || HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run().await;
        std::thread::spawn(|| actix_web::rt::System::new().block_on(serve()));
        address
    }};
}

/// Serves the old application.
fn serve_before<S: SessionStore + 'static>(store: impl Fn() -> S + Clone + Send + 'static) -> SocketAddr {
    run!(move || App::new().configure(before::routes(store(), key())))
}

/// Serves the new application.
fn serve<S: SessionStore + Send + Sync + 'static>(old: Old<S>) -> SocketAddr {
    let old = web::Data::new(old);
    let sessions = SessionMiddleware::new(Sessions::builder().build().unwrap());
    let app = move || App::new().app_data(old.clone()).configure(routes::<S>).wrap(sessions.clone());
    run!(app)
}

/// Signs a user in at the old application, with tea in the cart.
fn sign_in(before: SocketAddr, user: &str) -> Browser {
    let mut browser = Browser::default();
    assert_eq!(browser.ask(before, "POST", "/put?name=tea").0, 200);
    assert_eq!(browser.ask(before, "POST", &format!("/sign-in?name={user}")).0, 200);
    assert_eq!(browser.visit(before, "/whoami").1, user);
    browser
}

fn signed_in(store: &Memory, user: &str) -> Browser {
    let store = store.clone();
    sign_in(serve_before(move || store.clone()), user)
}

#[test]
fn the_first_request_moves_user_and_cart() {
    let store = Memory::default();
    let mut browser = signed_in(&store, "ann");
    let server = serve(old(store, Duration::MINUTE));
    for _ in 0..2 {
        assert_eq!(browser.visit(server, "/account").1, "ann with tea");
        assert_eq!(browser.value_of("id"), "");
        assert_eq!(browser.value_of("__Host-id").len(), 43);
    }
    browser.ask(server, "POST", "/sign-out");
    assert_eq!(browser.visit(server, "/account").1, "nobody with ");
}

#[test]
fn a_used_cookie_opens_nothing_after_the_grace() {
    let store = Memory::default();
    let mut browser = signed_in(&store, "ann");
    let mut thief = browser.clone();
    let server = serve(old(store, Duration::ZERO));
    assert_eq!(browser.visit(server, "/account").1, "ann with tea");
    assert_eq!(thief.visit(server, "/account").1, "nobody with ");
    assert_eq!(thief.cookie(), "");
}

#[test]
fn uses_within_the_grace_do_not_extend_it() {
    let store = Memory::default();
    let browser = signed_in(&store, "ann");
    let server = serve(old(store.clone(), Duration::MINUTE));
    let mut ends = Vec::new();
    for _ in 0..2 {
        assert_eq!(browser.clone().visit(server, "/account").1, "ann with tea");
        ends.push(store.states.lock().unwrap().values().map(|(_, end)| *end).min().unwrap());
    }
    assert_eq!(ends[0], ends[1]);
    assert!(ends[0] <= OffsetDateTime::now_utc() + Duration::MINUTE);
}

#[test]
fn parallel_first_requests_are_all_signed_in() {
    let store = Memory::default();
    let browser = signed_in(&store, "ann");
    let server = serve(old(Memory { barrier: Some(Arc::new(Barrier::new(2))), ..store }, Duration::MINUTE));
    let visits = [browser.clone(), browser].map(|mut browser| {
        std::thread::spawn(move || {
            assert_eq!(browser.visit(server, "/account").1, "ann with tea");
            browser
        })
    });
    // Whichever cookie arrives last, the browser is signed in.
    for visit in visits {
        assert_eq!(visit.join().unwrap().visit(server, "/account").1, "ann with tea");
    }
}

#[test]
fn forged_and_unknown_cookies_open_nothing() {
    let store = Memory::default();
    let ann = signed_in(&store, "ann").value_of("id").to_owned();
    let unknown = signed_in(&Memory::default(), "ann").value_of("id").to_owned();
    let key: SessionKey = store.states.lock().unwrap().keys().next().unwrap().clone().try_into().unwrap();
    let server = serve(old(store, Duration::MINUTE));
    let (truncated, plain) = (&ann[..ann.len() - 4], key.as_ref());
    for value in ["", "x", "%00", plain, truncated, &unknown, &"A".repeat(4000)] {
        let mut browser = Browser::default();
        browser.plant("id", value);
        assert_eq!(browser.visit(server, "/account").1, "nobody with ", "{value}");
        assert_eq!(browser.value_of("__Host-id"), "", "{value}");
    }
}

#[test]
fn a_session_that_was_signed_out_stays_out() {
    let store = Memory::default();
    let mut browser = signed_in(&store, "ann");
    let mut thief = browser.clone();
    let shared = store.clone();
    browser.ask(serve_before(move || shared.clone()), "POST", "/sign-out");
    assert_eq!(browser.cookie(), "");
    let server = serve(old(store, Duration::MINUTE));
    for browser in [&mut browser, &mut thief] {
        assert_eq!(browser.visit(server, "/account").1, "nobody with ");
    }
}

#[test]
fn signing_out_everywhere_ends_sessions_not_moved_yet() {
    let store = Memory::default();
    let [mut phone, mut laptop, mut bob] = ["ann", "ann", "bob"].map(|user| signed_in(&store, user));
    let server = serve(old(store, Duration::MINUTE));
    assert_eq!(laptop.visit(server, "/account").1, "ann with tea");
    assert_eq!(laptop.ask(server, "POST", "/sign-out-everywhere").1, "good bye");
    for browser in [&mut phone, &mut laptop] {
        assert_eq!(browser.visit(server, "/account").1, "nobody with ");
    }
    assert_eq!(bob.visit(server, "/account").1, "bob with tea");
}

#[test]
fn a_planted_old_cookie_does_not_replace_a_session() {
    let store = Memory::default();
    let [mut ann, mallory] = ["ann", "mallory"].map(|user| signed_in(&store, user));
    let server = serve(old(store, Duration::MINUTE));
    ann.visit(server, "/account");
    ann.plant("id", mallory.value_of("id"));
    assert_eq!(ann.visit(server, "/account").1, "ann with tea");
    assert_eq!(ann.value_of("id"), "");
}

#[test]
fn a_first_request_that_fails_moves_the_user() {
    let store = Memory::default();
    let mut browser = signed_in(&store, "ann");
    let sessions = SessionMiddleware::new(Sessions::builder().build().unwrap());
    let old = web::Data::new(old(store, Duration::ZERO));
    let app = move || {
        let failing = web::scope("/fail").wrap(from_fn(move_over::<Memory>)).default_service(web::to(fail));
        App::new().app_data(old.clone()).service(failing).configure(routes::<Memory>).wrap(sessions.clone())
    };
    let server = run!(app);
    assert_eq!(browser.visit(server, "/fail").0, 500);
    assert_eq!(browser.visit(server, "/account").1, "ann with tea");
}

async fn fail() -> HttpResponse {
    HttpResponse::InternalServerError().finish()
}

#[test]
fn an_outage_of_the_old_store_signs_nobody_out() {
    let store = Memory::default();
    let mut browser = signed_in(&store, "ann");
    let down = serve(old(Memory { fails: true, ..store.clone() }, Duration::MINUTE));
    assert_eq!(browser.visit(down, "/account").0, 503);
    assert_eq!(browser.visit(serve(old(store, Duration::MINUTE)), "/account").1, "ann with tea");
}

#[test]
fn sessions_in_the_cookie_move_until_the_end() {
    let mut browser = sign_in(serve_before(CookieSessionStore::default), "ann");
    let mut copy = browser.clone();
    let server = serve(old(CookieSessionStore::default(), Duration::MINUTE));
    assert_eq!(browser.visit(server, "/account").1, "ann with tea");
    assert_eq!(browser.value_of("id"), "");
    let ended = Old { until: OffsetDateTime::now_utc(), ..old(CookieSessionStore::default(), Duration::MINUTE) };
    assert_eq!(copy.visit(serve(ended), "/account").1, "nobody with ");
}

#[test]
fn sessions_in_redis_move() {
    if !test_servers::installed() {
        return;
    }
    let redis = Server::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(RedisSessionStore::new(redis.url())).unwrap();
    let shared = store.clone();
    let before = serve_before(move || shared.clone());
    let [mut browser, mut signed_out] = [sign_in(before, "ann"), sign_in(before, "bob")];
    let mut thief = browser.clone();
    signed_out.clone().ask(before, "POST", "/sign-out");
    let server = serve(old(store, Duration::MINUTE));
    assert_eq!(browser.visit(server, "/account").1, "ann with tea");
    assert_eq!(thief.visit(server, "/account").1, "ann with tea");
    assert_eq!(signed_out.visit(server, "/account").1, "nobody with ");
    let keys = redis.cli(&["KEYS", "*"]);
    assert_eq!(keys.lines().count(), 1, "{keys}");
    let ttl: i64 = redis.cli(&["TTL", &keys]).parse().unwrap();
    assert!((1..=60).contains(&ttl), "{ttl}");
}
