//! The command line.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};

use lexopt::{Arg, ValueExt};
use sessions_actix::TrustedProxies;

const HELP: &str = "\
members-actix, an application with members

Options:
  --port 8080               the port to listen on, on 127.0.0.1; 0 picks a free one
  --redis redis://HOST      the Redis of users and sessions; else REDIS_URL, or a temporary one
  --insecure-http           sends the cookie over plain HTTP too: needed in Safari, and for hosts other than localhost
  --trust-proxy 10.0.0.0/8  a proxy whose X-Forwarded-For is believed; may be given several times
";

/// The command line, completed by the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The address to listen on.
    pub address: SocketAddr,
    /// The URL of Redis, unless a temporary one is asked for.
    pub redis: Option<String>,
    /// Whether the cookie is sent over plain HTTP, too.
    pub insecure_http: bool,
    /// Proxies whose reports on their clients are believed.
    pub proxies: TrustedProxies,
}

impl Options {
    /// The text of `--help`.
    pub const HELP: &str = HELP;

    /// Parses the command line. Returns `None` if it asks for help.
    ///
    /// # Errors
    ///
    /// Fails if the command line is invalid.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, Box<dyn Error>> {
        let mut options = Self {
            address: (Ipv4Addr::LOCALHOST, 8080).into(),
            redis: env::var("REDIS_URL").ok(),
            insecure_http: false,
            proxies: TrustedProxies::default(),
        };
        let mut proxies = Vec::new();
        let mut args = lexopt::Parser::from_args(args);
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("port") => options.address.set_port(args.value()?.parse()?),
                Arg::Long("redis") => options.redis = Some(args.value()?.string()?),
                Arg::Long("insecure-http") => options.insecure_http = true,
                Arg::Long("trust-proxy") => proxies.push(args.value()?.string()?),
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        options.proxies = TrustedProxies::new(proxies)?;
        Ok(Some(options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Option<Options>, Box<dyn Error>> {
        Options::parse(args.iter().map(OsString::from))
    }

    #[test]
    fn options_are_parsed_as_documented() {
        let options = parse(&["--port", "0", "--redis=redis://localhost/1", "--insecure-http"]).unwrap().unwrap();
        assert_eq!(options.address.port(), 0);
        assert_eq!(options.redis.as_deref(), Some("redis://localhost/1"));
        assert!(options.insecure_http);
        assert!(parse(&["--trust-proxy", "10.0.0.0/8"]).is_ok());
        assert!(parse(&["--trust-proxy", "everybody"]).is_err());
    }

    #[test]
    fn help_lists_every_option() {
        assert!(parse(&["--help"]).unwrap().is_none());
        for option in ["--port", "--redis", "--insecure-http", "--trust-proxy"] {
            assert!(Options::HELP.contains(option), "{option}");
        }
        assert!(parse(&["--prot", "1"]).unwrap_err().to_string().contains("--prot"));
    }
}
