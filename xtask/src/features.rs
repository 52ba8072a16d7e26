//! Checks that each published crate builds with each of its features alone, and with none.

use crate::command::{cargo, run};
use crate::workspace::members;

/// Crates in which features change what the tests check. They are tested with none; all other
/// steps test them with all.
const TESTED: &[&str] = &["sessions-core"];

/// Builds every crate with each feature alone and with none. Other steps build all features
/// together, and the default ones.
pub(crate) fn check() -> Result<(), String> {
    for member in members()?.iter().filter(|member| member.is_published) {
        for command in commands(&member.name, &member.features) {
            run(&mut cargo(&command))?;
        }
    }
    Ok(())
}

/// Returns no feature, and each feature by itself, as arguments for cargo.
fn choices(features: &[String]) -> Vec<String> {
    let none = "--no-default-features".to_owned();
    let names = features.iter().filter(|name| *name != "default");
    let alone = names.map(|name| format!("{none} --features {name}"));
    [none.clone()].into_iter().chain(alone).collect()
}

fn commands(package: &str, features: &[String]) -> Vec<String> {
    let mut commands = Vec::new();
    for choice in choices(features) {
        commands.push(format!("check --quiet --lib -p {package} {choice}"));
    }
    if TESTED.contains(&package) && !features.is_empty() {
        commands.push(format!("test --quiet --lib --tests -p {package} --no-default-features"));
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_chosen_alone_and_once_none() {
        let features = ["default", "seal", "serde"].map(str::to_owned);
        let expected = [
            "--no-default-features",
            "--no-default-features --features seal",
            "--no-default-features --features serde",
        ];
        assert_eq!(choices(&features), expected);
    }

    #[test]
    fn a_crate_without_features_is_built_once() {
        assert_eq!(commands("sessions-core", &[]), ["check --quiet --lib -p sessions-core --no-default-features"]);
    }

    #[test]
    fn tests_run_only_where_features_change_them() {
        let features = ["seal".to_owned()];
        assert_eq!(commands("sessions-axum", &features).len(), 2);
        assert_eq!(commands("sessions-core", &features).len(), 3);
    }
}
