//! Runs what the pages of the guide show.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod accounts;
mod accounts_actix;
mod accounts_flow;
mod accounts_hyper;
mod accounts_minihttp;
mod devices;
mod flashes;
mod guide_pages;
mod log;
mod members;
mod moving_actix_session;
mod moving_axum_session;
mod moving_axum_session_keys;
mod moving_tower_sessions;
mod moving_tower_sessions_keys;
mod oauth;
mod order_actix;
mod order_axum;
mod order_hyper;
mod order_minihttp;
mod other_host;
mod own_types;
mod remember;
mod roles;
mod signing_in;
mod socket_actix;
mod socket_axum;
mod support;
mod tokens;
mod values;
