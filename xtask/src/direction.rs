//! Checks that our crates depend on each other in one direction only.
//!
//! Adapters depend on core, stores on the store contract, and core on the contract, too. No adapter
//! depends on a store, and no store on core or on an adapter.

mod paths;
mod rooms;

use crate::workspace::{Member, members};

/// The layer that a published crate belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    /// What stores keep and promise.
    Contract,
    Core,
    /// Code that several adapters share.
    AdapterBase,
    Adapter,
    /// Code that several stores share.
    StoreBase,
    Store,
    /// The store contract as tests.
    ContractTests,
}

/// The role of each published crate. A new one needs a line here.
const ROLES: &[(&str, Role)] = &[
    ("sessions-store", Role::Contract),
    ("sessions-core", Role::Core),
    ("sessions-http", Role::AdapterBase),
    ("sessions-axum", Role::Adapter),
    ("sessions-actix", Role::Adapter),
    ("sessions-hyper", Role::Adapter),
    ("sessions-minihttp", Role::Adapter),
    ("sessions-disk", Role::StoreBase),
    ("sessions-redb", Role::Store),
    ("sessions-fjall", Role::Store),
    ("sessions-remote", Role::StoreBase),
    ("sessions-redis", Role::Store),
    ("sessions-sql", Role::Store),
    ("sessions-conformance", Role::ContractTests),
];

impl Role {
    fn of(name: &str) -> Option<Self> {
        ROLES.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
    }

    /// Returns the roles that a crate of this role may depend on.
    fn may_use(self) -> &'static [Self] {
        match self {
            Self::Contract => &[],
            Self::Core | Self::StoreBase | Self::ContractTests => &[Self::Contract],
            Self::AdapterBase => &[Self::Core],
            Self::Adapter => &[Self::Core, Self::AdapterBase],
            Self::Store => &[Self::Contract, Self::StoreBase],
        }
    }
}

/// Fails with every dependency between crates, or import between rooms, in the wrong direction.
pub(crate) fn check() -> Result<(), String> {
    let mut faults = faults(&members()?);
    faults.extend(rooms::faults()?);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n  ")) }
}

/// Unpublished members (examples, tests, xtask) may depend on anything, but no published crate may
/// depend on them.
fn faults(members: &[Member]) -> Vec<String> {
    let published = members.iter().filter(|member| member.is_published);
    published.flat_map(|member| faults_of(member, members)).collect()
}

fn faults_of(member: &Member, members: &[Member]) -> Vec<String> {
    let name = &member.name;
    let Some(role) = Role::of(name) else {
        return vec![format!("{name} is published but has no role in xtask/src/direction.rs")];
    };
    let ours = members.iter().map(|other| &other.name);
    ours.filter(|other| member.depends_on.contains(other))
        .filter(|other| !Role::of(other).is_some_and(|used| role.may_use().contains(&used)))
        .map(|other| format!("{name} must not depend on {other}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, is_published: bool, depends_on: &[&str]) -> Member {
        Member {
            name: name.into(),
            manifest: "Cargo.toml".into(),
            is_published,
            depends_on: depends_on.iter().map(ToString::to_string).collect(),
            features: Vec::new(),
            tests: Vec::new(),
            rust_version: None,
        }
    }

    /// Returns the faults of a sound workspace with one member added or replaced.
    fn faults_with(name: &str, depends_on: &[&str]) -> Vec<String> {
        let mut members = vec![
            member("sessions-store", true, &["serde"]),
            member("sessions-core", true, &["serde", "sessions-store"]),
            member("sessions-http", true, &["sessions-core", "http"]),
            member("sessions-axum", true, &["sessions-core", "sessions-http"]),
            member("sessions-actix", true, &["sessions-core"]),
            member("sessions-disk", true, &["sessions-store"]),
            member("sessions-redb", true, &["sessions-store", "sessions-disk"]),
            member("sessions-redis", true, &["sessions-store"]),
            member("sessions-conformance", true, &["sessions-store"]),
            member("sessions-examples", false, &["sessions-axum", "sessions-redis"]),
        ];
        members.retain(|member| member.name != name);
        members.push(member(name, true, depends_on));
        faults(&members)
    }

    #[test]
    fn a_sound_workspace_has_no_faults() {
        assert_eq!(faults_with("sessions-core", &["serde"]), [""; 0]);
    }

    #[test]
    fn dependencies_that_point_the_wrong_way_are_faults() {
        for (name, wrong) in [
            ("sessions-store", "sessions-core"),
            ("sessions-core", "sessions-http"),
            ("sessions-core", "sessions-conformance"),
            ("sessions-core", "sessions-axum"),
            ("sessions-http", "sessions-axum"),
            ("sessions-axum", "sessions-actix"),
            ("sessions-axum", "sessions-redis"),
            ("sessions-axum", "sessions-disk"),
            ("sessions-axum", "sessions-store"),
            ("sessions-disk", "sessions-core"),
            ("sessions-redis", "sessions-core"),
            ("sessions-conformance", "sessions-core"),
            ("sessions-redis", "sessions-axum"),
            ("sessions-redis", "sessions-http"),
            ("sessions-redis", "sessions-redb"),
            ("sessions-redis", "sessions-conformance"),
            ("sessions-disk", "sessions-redb"),
            ("sessions-conformance", "sessions-redis"),
            ("sessions-axum", "sessions-examples"),
        ] {
            let expected = format!("{name} must not depend on {wrong}");
            assert_eq!(faults_with(name, &[wrong]), [expected]);
        }
    }

    #[test]
    fn a_published_crate_without_a_role_is_a_fault() {
        let faults = faults_with("sessions-rocket", &["sessions-core"]);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with("sessions-rocket is published but has no role"));
    }

    #[test]
    fn every_fault_is_reported() {
        assert_eq!(faults_with("sessions-axum", &["sessions-actix", "sessions-redb"]).len(), 2);
    }
}
