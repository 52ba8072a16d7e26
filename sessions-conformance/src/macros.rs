//! The list of the cases, and the macros that make tests of them.

/// Makes a `#[test]` of every promise of the store contract.
///
/// The first argument blocks a thread on a future, for instance `pollster::block_on`. The second is
/// evaluated for each test, and returns an empty store, or a [`Setup`](crate::Setup) with options.
/// As a closure it gets a namespace, for stores that share a server.
///
/// ```
/// # fn main() {}
/// use sessions_store::MemoryStore;
///
/// sessions_conformance::store_conformance!(pollster::block_on, MemoryStore::default());
/// ```
///
/// ```
/// # fn main() {}
/// # mod connection {
/// #     use std::sync::Arc;
/// #     use sessions_store::{MemoryStore, Store};
/// #     pub fn directory() -> std::path::PathBuf { std::env::temp_dir() }
/// #     pub fn open(_: &std::path::Path, _: &str) -> MemoryStore { MemoryStore::default() }
/// # }
/// # use connection::{directory, open};
/// use sessions_conformance::Setup;
///
/// sessions_conformance::store_conformance!(|task| pollster::block_on(task), |namespace| {
///     let directory = directory();
///     Setup::new(open(&directory, namespace)).keeping(directory)
/// });
/// ```
#[macro_export]
macro_rules! store_conformance {
    ($block_on:expr, |$namespace:pat_param| $make:expr $(,)?) => {
        $crate::__each_case! { [$crate::__test_of_each] [$block_on, $namespace, $make] }
        $crate::__test_of_namespaces! { [$block_on, $namespace, $make] }
    };
    ($block_on:expr, $make:expr $(,)?) => {
        $crate::store_conformance! { $block_on, |_| $make }
    };
}

/// Makes a `#[test]` of every promise about records that are damaged or of a newer format.
///
/// The arguments are those of [`store_conformance!`](crate::store_conformance), with a setup that
/// can damage a record: [`Setup::damaged_by`](crate::Setup::damaged_by).
#[macro_export]
macro_rules! damage_conformance {
    ($block_on:expr, |$namespace:pat_param| $make:expr $(,)?) => {
        $crate::__each_case_of_damage! { [$crate::__test_of_each] [$block_on, $namespace, $make] }
    };
    ($block_on:expr, $make:expr $(,)?) => {
        $crate::damage_conformance! { $block_on, |_| $make }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test_of_each {
    ($how:tt $($topic:ident::$case:ident,)*) => {
        $($crate::__test! { run, $topic::$case, $how })*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test_of_namespaces {
    ($how:tt) => {
        $crate::__test! { run_apart, handles::namespaces_are_separate, $how }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __test {
    ($run:ident, $topic:ident::$case:ident, [$block_on:expr, $namespace:pat_param, $make:expr]) => {
        #[test]
        fn $case() {
            #[allow(clippy::redundant_closure_call, reason = "it may be a closure or the name of a function")]
            fn block_on(task: $crate::Task<'_>) {
                ($block_on)(task)
            }
            let make = |$namespace: &str| -> $crate::Setup { ::core::convert::Into::into($make) };
            $crate::$run(stringify!($case), $crate::cases::$topic::$case, block_on, make);
        }
    };
}

/// Calls a macro with the list of all cases on one empty store.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_case {
    ([$($callback:tt)*] $how:tt) => {
        $($callback)*! {
            $how
            create::a_created_record_is_loaded_as_it_was,
            create::an_empty_record_is_loaded_as_it_was,
            create::a_record_without_limits_never_expires,
            create::huge_limits_are_kept,
            create::a_taken_id_is_reported_and_never_overwritten,
            create::racing_creates_of_one_id_have_one_winner,
            create::an_absent_record_is_none_and_gone,
            commit::the_next_load_sees_a_commit,
            commit::every_commit_is_a_new_version,
            commit::an_empty_commit_is_a_touch,
            commit::a_slow_clock_does_not_move_time_back,
            commit::a_wrong_secret_commits_nothing,
            commit::a_replaced_secret_opens_nothing,
            commit::a_login_is_one_commit,
            commit::a_confirmation_is_kept,
            commit::a_rotation_ends_at_the_first_use_of_its_secret,
            commit::a_commit_is_all_or_nothing,
            commit::a_commit_past_a_limit_is_refused_whole,
            commit::limits_never_stop_a_record_from_shrinking,
            commit::a_commit_may_change_many_keys,
            commit::a_commit_leaves_other_sessions_alone,
            commit::a_commit_never_creates_a_record,
            commit::a_commit_returns_the_new_record,
            commit::an_overtaken_request_consumes_its_flash,
            commit::a_commit_on_an_old_base_changes_the_current_record,
            changes::a_set_creates_or_replaces_an_entry,
            changes::a_removal_removes_one_entry,
            changes::only_set_immutable_replaces_an_immutable_entry,
            changes::immutability_survives_other_commits,
            changes::an_increment_adds_exactly,
            changes::an_increment_of_a_non_number_conflicts,
            changes::an_unmet_requirement_conflicts,
            changes::a_requirement_is_checked_before_a_clear,
            changes::clear_entries_applies_before_other_changes,
            changes::clear_flashes_applies_before_other_changes,
            changes::both_clears_leave_an_empty_record,
            changes::flashes_and_entries_are_separate,
            changes::consume_flash_keeps_a_newer_flash,
            model::any_sequence_of_calls_matches_the_model,
            destroy::a_destroyed_session_is_gone,
            destroy::a_destroy_reports_whether_there_was_a_session,
            destroy::racing_destroys_have_one_winner,
            destroy::a_destroy_is_final_among_racing_commits,
            destroy::a_destroy_is_final_for_a_racing_login,
            destroy::a_reused_id_has_nothing_of_the_old_session,
            destroy::destroy_all_ends_every_session,
            destroy::a_store_works_after_destroy_all,
            expiry::an_idle_session_expires_at_its_deadline,
            expiry::a_session_expires_at_its_absolute_deadline,
            expiry::nothing_extends_the_absolute_deadline,
            expiry::a_commit_before_the_deadline_extends_it,
            expiry::a_load_does_not_extend_a_session,
            expiry::a_longer_idle_timeout_survives_later_commits,
            expiry::a_shorter_idle_timeout_applies_at_once,
            expiry::a_zero_idle_timeout_ends_the_session,
            expiry::a_record_from_the_future_is_dead,
            expiry::each_session_has_its_own_deadline,
            principals::a_principal_has_the_sessions_bound_to_it,
            principals::sessions_of_a_principal_are_counted,
            principals::a_binding_survives_other_commits,
            principals::a_new_binding_replaces_the_old,
            principals::an_ended_session_has_no_principal,
            principals::a_principals_sessions_end_together,
            principals::one_session_may_be_spared,
            principals::principals_are_compared_byte_for_byte,
            principals::principals_sessions_are_right_after_a_race,
            bulk::destroy_all_is_final_among_racing_commits,
            bulk::destroy_of_principal_is_final_among_racing_commits,
            bulk::destroy_all_is_final_for_racing_logins,
            bulk::sessions_created_after_destroy_all_live,
            bulk::logins_after_destroy_of_principal_live,
            bulk::racing_ends_count_each_session_once,
            bulk::a_session_that_changes_hands_is_ended_or_kept,
            bulk::a_spared_session_keeps_its_racing_commits,
            bulk::a_commit_under_way_revives_nothing,
            listing::the_count_follows_creates_and_destroys,
            listing::the_count_is_right_after_a_race,
            listing::a_listing_has_every_live_session,
            listing::a_listing_without_room_has_every_session,
            listing::a_listing_shows_whole_records,
            listing::a_listing_misses_no_session_that_stays,
            listing::a_listing_skips_expired_sessions,
            sweep::a_sweep_removes_no_live_session,
            sweep::a_sweep_removes_and_reports_expired_sessions,
            sweep::a_sweep_stops_at_its_limit,
            sweep::a_sweep_follows_a_moved_deadline,
            sweep::racing_sweeps_report_each_session_once,
            sweep::a_sweep_spares_a_session_seen_meanwhile,
            sweep::a_swept_session_is_gone,
            hostile::a_key_may_be_any_text,
            hostile::a_key_names_one_entry,
            hostile::a_counter_may_have_any_name,
            hostile::a_value_may_be_any_bytes,
            hostile::a_value_may_be_large,
            hostile::a_key_may_be_long,
            hostile::an_id_may_be_any_bytes,
            hostile::a_principal_may_be_any_text,
            races::writes_of_different_keys_all_survive,
            races::increments_are_exact,
            races::limits_hold_among_racing_commits,
            races::the_last_write_of_a_key_wins_whole,
            races::a_requirement_admits_one_racing_commit,
            races::racing_removals_of_a_required_value_have_one_winner,
            races::a_required_absence_admits_one_racing_commit,
            races::racing_renewals_have_one_winner,
            races::an_old_secret_writes_nothing_after_a_renewal,
            races::racing_commits_return_what_they_wrote,
            races::racing_clocks_leave_the_latest_time,
            races::writes_of_different_sessions_do_not_mix,
            futures::a_dropped_commit_is_all_or_nothing,
            futures::a_dropped_create_is_all_or_nothing,
            futures::a_dropped_destroy_is_all_or_nothing,
            futures::a_dropped_destroy_of_a_principal_leaves_whole_sessions,
            futures::a_dropped_destroy_all_leaves_whole_sessions,
            futures::a_dropped_sweep_leaves_whole_sessions,
            futures::dropped_futures_leak_nothing,
            futures::a_future_borrows_nothing,
            handles::two_handles_see_each_others_writes,
            handles::a_destroy_is_seen_through_the_other_handle,
            handles::a_renewal_is_seen_through_the_other_handle,
            handles::principals_are_seen_through_the_other_handle,
            handles::a_sweep_is_seen_through_the_other_handle,
        }
    };
}

/// Calls a macro with the list of all cases on a store with damage.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_case_of_damage {
    ([$($callback:tt)*] $how:tt) => {
        $($callback)*! {
            $how
            damage::a_damaged_record_harms_no_other_session,
            damage::a_damaged_record_can_be_destroyed,
            damage::a_damaged_record_stops_no_logout,
            damage::a_damaged_record_stops_no_sweep,
            damage::a_newer_format_is_left_unchanged,
            damage::a_damaged_record_stops_no_login,
            damage::an_error_names_its_store,
            damage::a_newer_format_stops_no_logout,
            damage::a_newer_format_stops_no_destroy,
        }
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    macro_rules! names {
        ([] $($topic:ident::$case:ident,)*) => {
            [$((stringify!($topic), stringify!($case))),*]
        };
    }

    macro_rules! sources {
        ($($topic:ident)*) => {
            [$((stringify!($topic), include_str!(concat!("cases/", stringify!($topic), ".rs")))),*]
        };
    }

    #[test]
    fn every_case_is_listed() {
        let listed: BTreeSet<_> =
            __each_case!([names] []).into_iter().chain(__each_case_of_damage!([names] [])).collect();
        let sources = sources!(
            bulk changes commit create damage destroy expiry futures handles hostile listing model principals races sweep
        );
        assert_eq!(include_str!("cases.rs").matches("pub mod ").count(), sources.len());
        let mut written = BTreeSet::new();
        for (topic, source) in sources {
            for rest in source.split("\npub async fn ").skip(1) {
                written.extend(rest.split_once('(').map(|(case, _)| (topic, case)));
            }
        }
        // The case on two stores has a macro of its own.
        assert!(written.remove(&("handles", "namespaces_are_separate")));
        assert_eq!(listed, written);
    }
}
