//! Compiles and runs what the guides show.

#[doc = include_str!("../../guide/deploying-a-changed-type.md")]
struct DeployingAChangedType;

#[doc = include_str!("../../guide/when-a-session-disappears.md")]
struct WhenASessionDisappears;
