//! The command line.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};

use lexopt::{Arg, ValueExt};
use sessions_axum::TrustedProxies;

use crate::oauth::Registration;

const HELP: &str = "\
members-axum, an application with members

Options:
  --port 8080               the port to listen on, on 127.0.0.1; 0 picks a free one
  --database postgres://…   the database; else DATABASE_URL, or a temporary one
  --origin https://HOST     what visitors see in the address bar; by default http://127.0.0.1:PORT
  --insecure-http           sends the cookie over plain HTTP too: needed in Safari, and for hosts other than localhost
  --trust-proxy 10.0.0.0/8  a proxy whose X-Forwarded-For is believed; may be given several times
  --oauth https://HOST      an OpenID provider to sign in with; OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET are this
                            application's name and password there, ORIGIN/oauth/callback its redirect URI
";

/// The command line, completed by the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The address to listen on.
    pub address: SocketAddr,
    /// The database, unless a temporary one is asked for.
    pub database: Option<String>,
    /// Whether the cookie is sent over plain HTTP, too.
    pub insecure_http: bool,
    /// Proxies whose reports on their clients are believed.
    pub proxies: TrustedProxies,
    origin: Option<String>,
    provider: Option<String>,
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
            database: env::var("DATABASE_URL").ok(),
            insecure_http: false,
            proxies: TrustedProxies::default(),
            origin: None,
            provider: None,
        };
        let mut proxies = Vec::new();
        let mut args = lexopt::Parser::from_args(args);
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("port") => options.address.set_port(args.value()?.parse()?),
                Arg::Long("database") => options.database = Some(args.value()?.string()?),
                Arg::Long("origin") => options.origin = Some(args.value()?.string()?),
                Arg::Long("insecure-http") => options.insecure_http = true,
                Arg::Long("trust-proxy") => proxies.push(args.value()?.string()?),
                Arg::Long("oauth") => options.provider = Some(args.value()?.string()?),
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        options.proxies = TrustedProxies::new(proxies)?;
        Ok(Some(options))
    }

    /// Returns how this application, which listens on `address`, is registered at its provider.
    ///
    /// The redirect URI is a setting and not the `Host` of a request, which a client chooses.
    ///
    /// # Errors
    ///
    /// Fails if the environment lacks the name or the password.
    pub fn registration(&self, address: SocketAddr) -> Result<Option<Registration>, Box<dyn Error>> {
        let Some(issuer) = self.provider.clone() else { return Ok(None) };
        let variable = |name: &str| env::var(name).map_err(|error| format!("{name}: {error}"));
        let origin = self.origin.clone().unwrap_or_else(|| format!("http://{address}"));
        Ok(Some(Registration {
            issuer,
            client_id: variable("OAUTH_CLIENT_ID")?,
            client_secret: variable("OAUTH_CLIENT_SECRET")?,
            redirect_uri: format!("{}/oauth/callback", origin.trim_end_matches('/')),
        }))
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
        let options = parse(&["--port", "0", "--database=postgres://localhost/a", "--insecure-http"]).unwrap().unwrap();
        assert_eq!(options.address.port(), 0);
        assert_eq!(options.database.as_deref(), Some("postgres://localhost/a"));
        assert!(options.insecure_http);
        assert!(options.registration(options.address).unwrap().is_none(), "there is no provider");
    }

    #[test]
    fn help_lists_every_option() {
        assert!(parse(&["--help"]).unwrap().is_none());
        for option in ["--port", "--database", "--origin", "--insecure-http", "--trust-proxy", "--oauth"] {
            assert!(Options::HELP.contains(option), "{option}");
        }
        assert!(parse(&["--prot", "1"]).unwrap_err().to_string().contains("--prot"));
    }
}
