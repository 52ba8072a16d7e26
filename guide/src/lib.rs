//! Compiles what the pages of the guide show.

#[cfg(doctest)]
#[doc = include_str!("../choosing-a-store.md")]
struct ChoosingAStore;

#[cfg(doctest)]
#[doc = include_str!("../deploying-a-changed-type.md")]
struct DeployingAChangedType;

#[cfg(doctest)]
#[doc = include_str!("../flash-messages.md")]
struct FlashMessages;

#[cfg(doctest)]
#[doc = include_str!("../from-go-sessions.md")]
struct FromGoSessions;

#[cfg(doctest)]
#[doc = include_str!("../middleware-order.md")]
struct MiddlewareOrder;

#[cfg(doctest)]
#[doc = include_str!("../signing-in-and-out.md")]
struct SigningInAndOut;

#[cfg(doctest)]
#[doc = include_str!("../testing-your-application.md")]
struct TestingYourApplication;

#[cfg(doctest)]
#[doc = include_str!("../tls-and-proxies.md")]
struct TlsAndProxies;

#[cfg(doctest)]
#[doc = include_str!("../two-servers.md")]
struct TwoServers;

#[cfg(doctest)]
#[doc = include_str!("../websockets-and-streams.md")]
struct WebsocketsAndStreams;

#[cfg(doctest)]
#[doc = include_str!("../when-a-session-disappears.md")]
struct WhenASessionDisappears;
