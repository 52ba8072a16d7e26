//! The device that sent a request.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::headers::{RequestHeader, RequestHeaders};
use super::proxies::TrustedProxies;

/// Maximum length of a stored user agent. Browsers send up to about 200 bytes.
const LONGEST_USER_AGENT: usize = 256;

/// The address and the user agent that a request came with, for a "your devices" page.
///
/// Store it at a login: `session.set("device", &device)`. Each adapter has a function that returns
/// the device of its framework's request. The user agent is whatever the client sends, and proves
/// nothing; escape it when you show it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(default)]
pub struct Device {
    address: Option<IpAddr>,
    user_agent: Option<String>,
}

impl Device {
    /// Reads the device from a request.
    ///
    /// `peer` is the address of the other end of the connection, if it has one. It counts unless it
    /// is a trusted proxy.
    #[must_use]
    pub fn of(request: &impl RequestHeaders, peer: Option<IpAddr>, proxies: &TrustedProxies) -> Self {
        Self {
            address: peer.and_then(|peer| proxies.client(request, peer)),
            user_agent: request.first(RequestHeader::UserAgent).and_then(shortened),
        }
    }

    /// Returns the address of the client, or `None` if it is unknown.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Returns the user agent: at most 256 bytes of printable ASCII.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }
}

/// Returns the beginning of a user agent, with `?` for whatever is not printable ASCII.
fn shortened(value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    let printable = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
    (!value.is_empty()).then(|| value.iter().take(LONGEST_USER_AGENT).map(printable).collect())
}

redacted!(Device);

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    fn device(user_agent: &str) -> Device {
        let headers = [(RequestHeader::UserAgent, user_agent), (RequestHeader::XForwardedFor, "198.51.100.7")];
        let request = Fake { method: "GET", target: "/", headers: &headers };
        let proxies = TrustedProxies::new(["127.0.0.1"]).unwrap();
        Device::of(&request, Some(IpAddr::from([127, 0, 0, 1])), &proxies)
    }

    #[test]
    fn user_agent_is_short_printable_ascii() {
        for (sent, kept) in [
            ("Mozilla/5.0 (X11; Linux x86_64)", Some("Mozilla/5.0 (X11; Linux x86_64)")),
            (" a\tb ", Some("a?b")),
            ("naïve", Some("na??ve")),
            ("", None),
            (" \t", None),
        ] {
            assert_eq!(device(sent).user_agent(), kept, "{sent:?}");
        }
        assert_eq!(device(&"x".repeat(5000)).user_agent(), Some(&*"x".repeat(LONGEST_USER_AGENT)));
    }

    #[test]
    fn device_survives_a_round_trip() {
        let device = device("curl/8");
        assert_eq!(device.address().unwrap().to_string(), "198.51.100.7");
        let text = serde_json::to_string(&device).unwrap();
        assert_eq!(text, r#"{"address":"198.51.100.7","user_agent":"curl/8"}"#);
        assert_eq!(serde_json::from_str::<Device>(&text).unwrap(), device);
        assert_eq!(serde_json::from_str::<Device>(r#"{"later":1}"#).unwrap(), Device::default());
    }

    #[test]
    fn connection_without_an_address_has_none() {
        let headers = [(RequestHeader::XForwardedFor, "198.51.100.7")];
        let request = Fake { method: "GET", target: "/", headers: &headers };
        assert_eq!(Device::of(&request, None, &TrustedProxies::new(["0.0.0.0/0"]).unwrap()), Device::default());
    }

    #[test]
    fn debug_output_hides_the_device() {
        assert_eq!(format!("{:?}", device("curl/8")), "Device { .. }");
    }
}
