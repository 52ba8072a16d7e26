//! The options of the demos.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use lexopt::{Arg, ValueExt};
use sessions_core::{CrossOrigin, LimitPolicy, SealKey, Sessions, TrustedProxies};

use crate::{Failure, start_log, store};

/// The command line of a demo.
#[derive(Debug)]
pub struct Options {
    port: u16,
    store: String,
    insecure_http: bool,
    idle: Duration,
    absolute: Duration,
    grace: Duration,
    rotate: Option<Duration>,
    per_principal: Option<usize>,
    limit_policy: LimitPolicy,
    bearer: bool,
    seal: Seal,
    sessions_max: Option<u64>,
    proxies: Vec<String>,
    forwarded: bool,
    cross_origin: CrossOrigin,
    trusted_origins: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Seal {
    None,
    Signed,
    Encrypted,
}

/// The environment variable for the keys of `--seal`.
const KEY: &str = "SESSIONS_KEY";

const HELP: &str = "\
Options:
  --port 8080            the port to listen on, on 127.0.0.1; 0 picks a free one
  --store memory:        where sessions are kept: memory: redb:PATH fjall:PATH;
                         in a demo built with --features redis also redis://HOST rediss://HOST redis+unix:///PATH
                         redis-cluster://HOST:PORT,HOST:PORT rediss-cluster://HOST:PORT, or the same with valkey;
                         with --features postgres, mysql or sqlite: postgres://HOST/DATABASE mysql://HOST/DATABASE
                         sqlite:PATH
  --insecure-http        sends the cookie over plain HTTP too: needed in Safari, and for hosts other than localhost
  --idle 30m             the idle timeout: how long a session lives without a request
  --absolute 12h         the absolute timeout: how long a session lives at most
  --grace 30s            how long a token counts as superseded after a login has replaced it
  --rotate 15m           how often a session in use gets a new token; never by default
  --per-principal 1000   how many sessions a user may have at once; see --limit-policy
  --limit-policy end-oldest  what a further login does: end-oldest ends the oldest, refuse answers 403
  --bearer               also accepts the token of /api/login, as Authorization: Bearer TOKEN
  --seal none            none, signed or encrypted tokens; the key is SESSIONS_KEY (hex, 32 bytes or more), or random;
                         NEW,OLD rotates the key: the first one seals, all of them open
  --sessions-max 1000000 how many sessions the store holds at most; the default of redb: and fjall: is 10000000,
                         and Redis and SQL databases have no such limit
  --trust-proxy 10.0.0.0/8  a proxy whose X-Forwarded-For is believed; may be given several times
  --forwarded            reads the header Forwarded of such a proxy in place of X-Forwarded-For
  --cross-origin cross-site  which requests that change something get 403: cross-site those of other sites with our
                         cookie, cross-origin those of all other origins, off none
  --trust-origin https://login.example  an origin whose requests pass; may be given several times
";

impl Options {
    /// Starts the log and parses the command line. Exits after printing the help, or the reason why
    /// the command line is invalid.
    #[must_use]
    pub fn from_args() -> Self {
        start_log();
        match Self::parse(std::env::args_os().skip(1)) {
            Ok(Some(options)) => options,
            Ok(None) => end(&mut io::stdout(), HELP, 0),
            Err(error) => end(&mut io::stderr(), &format!("{error}\n\n{HELP}"), 2),
        }
    }

    /// Parses the command line. Returns `None` if it asks for help.
    fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, Box<dyn Error>> {
        let mut options = Self {
            port: 8080,
            store: "memory:".to_owned(),
            insecure_http: false,
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 60 * 60),
            grace: Duration::from_secs(30),
            rotate: None,
            per_principal: None,
            limit_policy: LimitPolicy::EndOldest,
            bearer: false,
            seal: Seal::None,
            sessions_max: None,
            proxies: Vec::new(),
            forwarded: false,
            cross_origin: CrossOrigin::default(),
            trusted_origins: Vec::new(),
        };
        let mut args = lexopt::Parser::from_args(args);
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("port") => options.port = args.value()?.parse()?,
                Arg::Long("store") => options.store = args.value()?.string()?,
                Arg::Long("insecure-http") => options.insecure_http = true,
                Arg::Long("idle") => options.idle = args.value()?.parse_with(humantime::parse_duration)?,
                Arg::Long("grace") => options.grace = args.value()?.parse_with(humantime::parse_duration)?,
                Arg::Long("rotate") => options.rotate = Some(args.value()?.parse_with(humantime::parse_duration)?),
                Arg::Long("bearer") => options.bearer = true,
                Arg::Long("per-principal") => options.per_principal = Some(args.value()?.parse()?),
                Arg::Long("limit-policy") => options.limit_policy = args.value()?.parse_with(limit_policy)?,
                Arg::Long("absolute") => options.absolute = args.value()?.parse_with(humantime::parse_duration)?,
                Arg::Long("seal") => options.seal = args.value()?.parse_with(Seal::parse)?,
                Arg::Long("sessions-max") => options.sessions_max = Some(args.value()?.parse()?),
                Arg::Long("trust-proxy") => options.proxies.push(args.value()?.string()?),
                Arg::Long("forwarded") => options.forwarded = true,
                Arg::Long("cross-origin") => options.cross_origin = args.value()?.parse_with(cross_origin)?,
                Arg::Long("trust-origin") => options.trusted_origins.push(args.value()?.string()?),
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Some(options))
    }

    /// Returns the address to listen on. Port 0 stands for any free port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Returns the failure of a demo that cannot listen on [`address`](Self::address).
    #[must_use]
    pub fn failure_to_listen(&self, error: io::Error) -> Failure {
        Failure::to_listen(self.address(), error).advice("choose another port with --port")
    }

    /// Returns the proxies whose reports on their clients are believed.
    ///
    /// # Errors
    ///
    /// Returns an error if one is neither an address nor a network.
    pub fn proxies(&self) -> Result<TrustedProxies, Failure> {
        let proxies = TrustedProxies::new(&self.proxies)?;
        Ok(if self.forwarded { proxies.with_forwarded() } else { proxies })
    }

    /// Builds the session manager that these options describe.
    ///
    /// # Errors
    ///
    /// Returns an error if the options are invalid or the store cannot be opened.
    pub fn sessions(&self) -> Result<Sessions, Failure> {
        let store = store::open(&self.store, self.sessions_max)?;
        let builder = Sessions::builder().store(store).idle(self.idle).absolute(self.absolute);
        let builder = builder.renewal_grace(self.grace).rotate_every(self.rotate).bearer(self.bearer).login_page("/");
        let builder = builder.limit_policy(self.limit_policy);
        let builder = builder.cross_origin(self.cross_origin).trusted_origins(&self.trusted_origins);
        let builder = match self.per_principal {
            Some(most) => builder.sessions_per_principal(most),
            None => builder,
        };
        let builder = if self.insecure_http { builder.secure(false) } else { builder };
        let builder = match self.seal {
            Seal::None => builder,
            Seal::Signed => builder.signed(keys()?),
            Seal::Encrypted => builder.encrypted(keys()?),
        };
        Ok(builder.build()?)
    }
}

fn end(out: &mut dyn Write, text: &str, code: i32) -> ! {
    // The output may be closed already.
    let _ = writeln!(out, "{text}");
    std::process::exit(code)
}

impl Seal {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "none" => Ok(Self::None),
            "signed" => Ok(Self::Signed),
            "encrypted" => Ok(Self::Encrypted),
            _ => Err("expected none, signed or encrypted"),
        }
    }
}

fn limit_policy(text: &str) -> Result<LimitPolicy, &'static str> {
    match text {
        "end-oldest" => Ok(LimitPolicy::EndOldest),
        "refuse" => Ok(LimitPolicy::RefuseLogin),
        _ => Err("expected end-oldest or refuse"),
    }
}

fn cross_origin(text: &str) -> Result<CrossOrigin, &'static str> {
    match text {
        "off" => Ok(CrossOrigin::Off),
        "cross-site" => Ok(CrossOrigin::RefuseCrossSite),
        "cross-origin" => Ok(CrossOrigin::RefuseCrossOrigin),
        _ => Err("expected off, cross-site or cross-origin"),
    }
}

fn keys() -> Result<Vec<SealKey>, Failure> {
    match std::env::var(KEY) {
        Ok(list) => list.split(',').map(key).collect(),
        Err(_) => Ok(vec![random_key()?]),
    }
}

fn key(text: &str) -> Result<SealKey, Failure> {
    let bytes = hex::decode(text).map_err(|error| Failure::new(error).context(format!("{KEY} is not hex")))?;
    SealKey::new(&bytes).map_err(|error| Failure::new(error).context(KEY))
}

fn random_key() -> Result<SealKey, Failure> {
    let mut bytes = [0; SealKey::MIN_LENGTH];
    getrandom::fill(&mut bytes)?;
    Ok(SealKey::new(&bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, Box<dyn Error>> {
        Ok(Options::parse(args.iter().map(OsString::from))?.expect("no test asks for help"))
    }

    #[test]
    fn options_are_parsed_as_documented() {
        let options =
            parse(&["--port", "0", "--idle=5m", "--absolute", "1h", "--seal", "signed", "--insecure-http"]).unwrap();
        assert_eq!((options.port, options.idle), (0, Duration::from_secs(300)));
        assert_eq!((options.rotate, options.per_principal, options.bearer), (None, None, false));
        let sessions = options.sessions().unwrap();
        assert_eq!(sessions.cookie_name(), "id");
        let options = parse(&["--rotate", "15m", "--per-principal", "3", "--bearer"]).unwrap();
        let rotate = Some(Duration::from_secs(900));
        assert_eq!((options.limit_policy, options.forwarded), (LimitPolicy::EndOldest, false));
        assert_eq!((options.rotate, options.per_principal, options.bearer), (rotate, Some(3), true));
        let options = parse(&["--limit-policy", "refuse", "--forwarded"]).unwrap();
        assert_eq!((options.limit_policy, options.forwarded), (LimitPolicy::RefuseLogin, true));
        assert_eq!(options.cross_origin, CrossOrigin::RefuseCrossSite);
        let options =
            parse(&["--cross-origin", "off", "--trust-origin=https://a.example", "--trust-origin", "x"]).unwrap();
        assert_eq!(options.cross_origin, CrossOrigin::Off);
        assert_eq!(options.trusted_origins, ["https://a.example", "x"]);
        let options = parse(&["--cross-origin", "cross-origin"]).unwrap();
        assert_eq!(options.cross_origin, CrossOrigin::RefuseCrossOrigin);
    }

    #[tokio::test]
    async fn every_store_but_redis_has_a_limit_on_sessions() {
        let folder = tempfile::tempdir().unwrap();
        for (name, is_built_in) in
            [("memory", true), ("redb", cfg!(feature = "redb")), ("fjall", cfg!(feature = "fjall"))]
        {
            if !is_built_in {
                continue;
            }
            let path = if name == "memory" { String::new() } else { folder.path().join(name).display().to_string() };
            let store = format!("{name}:{path}");
            let sessions = parse(&["--store", &store, "--sessions-max", "1"]).unwrap().sessions().unwrap();
            assert!(signs_in(&sessions, "ann").await, "{name}");
            assert!(!signs_in(&sessions, "eve").await, "{name}");
        }
    }

    /// Returns whether the store had room for another session.
    async fn signs_in(sessions: &Sessions, user: &str) -> bool {
        let exchange = sessions.open();
        exchange.session([b"".as_slice()]).await.unwrap().login(user).unwrap();
        exchange.end(200).await.is_ok()
    }

    #[test]
    fn help_stops_the_parsing() {
        assert!(Options::parse([OsString::from("--help")]).unwrap().is_none());
    }

    #[test]
    fn a_key_is_hex_of_32_bytes_or_more() {
        let bytes: Vec<u8> = (0..32).map(|byte| byte ^ 0xa5).collect();
        assert!(key(&hex::encode(&bytes)).is_ok());
        assert!(key(&hex::encode(&bytes[1..])).is_err());
        assert_eq!(format!("{:?}", key("wax").unwrap_err()), "SESSIONS_KEY is not hex: Odd number of digits");
    }

    #[test]
    fn invalid_options_are_refused() {
        for args in [
            &["--prot", "1"][..],
            &["--port", "x"],
            &["--idle", "soon"],
            &["--rotate", "often"],
            &["--per-principal", "few"],
            &["--limit-policy", "lenient"],
            &["--cross-origin", "same-site"],
            &["--trust-origin"],
            &["--seal", "wax"],
            &["stray"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
        assert!(parse(&["--store", "nowhere:"]).unwrap().sessions().is_err());
        assert!(parse(&["--trust-origin", "a.example"]).unwrap().sessions().is_err());
    }
}
