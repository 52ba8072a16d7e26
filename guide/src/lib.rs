//! Compiles what the pages of the guide show, and the READMEs of the crates.

#[cfg(doctest)]
#[doc = include_str!("../accounts.md")]
struct Accounts;

#[cfg(doctest)]
#[doc = include_str!("../accounts-without-a-framework.md")]
struct AccountsWithoutAFramework;

#[cfg(doctest)]
#[doc = include_str!("../choosing-a-store.md")]
struct ChoosingAStore;

#[cfg(doctest)]
#[doc = include_str!("../deploying-a-changed-type.md")]
struct DeployingAChangedType;

#[cfg(doctest)]
#[doc = include_str!("../devices-and-limits.md")]
struct DevicesAndLimits;

#[cfg(doctest)]
#[doc = include_str!("../flash-messages.md")]
struct FlashMessages;

#[cfg(doctest)]
#[doc = include_str!("../from-go-sessions.md")]
struct FromGoSessions;

#[cfg(doctest)]
#[doc = include_str!("../keep-me-signed-in.md")]
struct KeepMeSignedIn;

#[cfg(doctest)]
#[doc = include_str!("../middleware-order.md")]
struct MiddlewareOrder;

#[cfg(doctest)]
#[doc = include_str!("../moving-from-actix-session.md")]
struct MovingFromActixSession;

#[cfg(doctest)]
#[doc = include_str!("../moving-from-axum-session.md")]
struct MovingFromAxumSession;

#[cfg(doctest)]
#[doc = include_str!("../moving-from-tower-sessions.md")]
struct MovingFromTowerSessions;

#[cfg(doctest)]
#[doc = include_str!("../moving-users-over.md")]
struct MovingUsersOver;

#[cfg(doctest)]
#[doc = include_str!("../native-clients.md")]
struct NativeClients;

#[cfg(doctest)]
#[doc = include_str!("../oauth.md")]
struct Oauth;

#[cfg(doctest)]
#[doc = include_str!("../own-errors-and-extractors.md")]
struct OwnErrorsAndExtractors;

#[cfg(doctest)]
#[doc = include_str!("../pages-for-members.md")]
struct PagesForMembers;

#[cfg(doctest)]
#[doc = include_str!("../redis-in-production.md")]
struct RedisInProduction;

#[cfg(doctest)]
#[doc = include_str!("../request-forgery.md")]
struct RequestForgery;

#[cfg(doctest)]
#[doc = include_str!("../roles-and-permissions.md")]
struct RolesAndPermissions;

#[cfg(doctest)]
#[doc = include_str!("../several-hosts.md")]
struct SeveralHosts;

#[cfg(doctest)]
#[doc = include_str!("../signing-in-and-out.md")]
struct SigningInAndOut;

#[cfg(doctest)]
#[doc = include_str!("../sql-in-production.md")]
struct SqlInProduction;

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
#[doc = include_str!("../values.md")]
struct Values;

#[cfg(doctest)]
#[doc = include_str!("../websockets-and-streams.md")]
struct WebsocketsAndStreams;

#[cfg(doctest)]
#[doc = include_str!("../when-a-session-disappears.md")]
struct WhenASessionDisappears;

#[cfg(doctest)]
#[doc = include_str!("../your-own-store.md")]
struct YourOwnStore;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-actix/README.md")]
struct SessionsActix;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-axum/README.md")]
struct SessionsAxum;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-conformance/README.md")]
struct SessionsConformance;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-core/README.md")]
struct SessionsCore;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-fjall/README.md")]
struct SessionsFjall;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-http/README.md")]
struct SessionsHttp;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-hyper/README.md")]
struct SessionsHyper;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-minihttp/README.md")]
struct SessionsMinihttp;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-redb/README.md")]
struct SessionsRedb;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-remote/README.md")]
struct SessionsRemote;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-redis/README.md")]
struct SessionsRedis;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-sql/README.md")]
struct SessionsSql;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-disk/README.md")]
struct SessionsDisk;

#[cfg(doctest)]
#[doc = include_str!("../../sessions-store/README.md")]
struct SessionsStore;
