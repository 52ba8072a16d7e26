//! Options in the query of a URL.

use std::time::Duration;

use redis::ProtocolVersion;
use sessions_remote::may_show_option;
use url::Url;

use crate::error::{OpenError, OpenErrorKind};

/// An option of the store in a URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UrlOption {
    Prefix(String),
    LoadDeadline(Duration),
    CommitDeadline(Duration),
    MaxInFlight(usize),
    WaitForReplicas(u32),
}

/// Settings at the start of a connection.
#[derive(Default)]
pub(crate) struct Access {
    pub(crate) database: Option<u32>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) protocol: ProtocolVersion,
}

/// The options of a URL.
#[derive(Default)]
pub(crate) struct Query {
    pub(crate) options: Vec<UrlOption>,
    pub(crate) access: Access,
}

/// All known options, for an error message.
const KNOWN: &str =
    "prefix, load_deadline_ms, commit_deadline_ms, max_in_flight, wait_for_replicas, db, user, pass and protocol";

impl Query {
    /// Parses the options of a URL.
    ///
    /// An unknown or repeated option is an error, since its author expects an effect that would not
    /// occur.
    pub(crate) fn of(url: &Url) -> Result<Self, OpenError> {
        let mut query = Self::default();
        let mut seen = Vec::new();
        for (name, value) in url.query_pairs() {
            query.read(&name, &value).map_err(|complaint| complaint.about(&name, url))?;
            if seen.contains(&name) {
                return Err(OpenError::url_option(&name, "is there twice"));
            }
            seen.push(name);
        }
        Ok(query)
    }

    fn read(&mut self, name: &str, value: &str) -> Result<(), Complaint> {
        let Self { options, access } = self;
        match name {
            "prefix" => options.push(UrlOption::Prefix(value.to_owned())),
            "load_deadline_ms" => options.push(UrlOption::LoadDeadline(millis(value)?)),
            "commit_deadline_ms" => options.push(UrlOption::CommitDeadline(millis(value)?)),
            "max_in_flight" => options.push(UrlOption::MaxInFlight(number(value)? as usize)),
            "wait_for_replicas" => options.push(UrlOption::WaitForReplicas(number(value)?)),
            "db" => access.database = Some(number(value)?),
            "user" => access.user = Some(value.to_owned()),
            "pass" => access.password = Some(value.to_owned()),
            "protocol" => access.protocol = protocol(value)?,
            _ => return Err(Complaint::Unknown),
        }
        Ok(())
    }
}

fn number(value: &str) -> Result<u32, Complaint> {
    value.parse().map_err(|_| Complaint::Value("has to be a whole number"))
}

fn millis(value: &str) -> Result<Duration, Complaint> {
    Ok(Duration::from_millis(number(value)?.into()))
}

fn protocol(value: &str) -> Result<ProtocolVersion, Complaint> {
    match value {
        "2" | "resp2" => Ok(ProtocolVersion::RESP2),
        "3" | "resp3" => Ok(ProtocolVersion::RESP3),
        _ => Err(Complaint::Value("has to be resp2 or resp3")),
    }
}

/// The fault of an option.
enum Complaint {
    Unknown,
    Value(&'static str),
}

impl Complaint {
    /// Creates the error.
    fn about(self, name: &str, url: &Url) -> OpenError {
        match self {
            Self::Value(reason) => OpenError::url_option(name, reason),
            Self::Unknown if may_show_option(name, url.query().unwrap_or_default()) => {
                OpenError::url_option(name, format_args!("is unknown; there are {KNOWN}"))
            }
            Self::Unknown => {
                let reason =
                    format!("an option of the URL is unknown; there are {KNOWN} (in a password, write `?` as %3F)");
                OpenError::new(OpenErrorKind::UrlOption, reason)
            }
        }
    }
}
