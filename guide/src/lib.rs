//! Compiles and runs what the pages of the guide show.

#[cfg(doctest)]
#[doc = include_str!("../deploying-a-changed-type.md")]
struct DeployingAChangedType;

#[cfg(doctest)]
#[doc = include_str!("../when-a-session-disappears.md")]
struct WhenASessionDisappears;
