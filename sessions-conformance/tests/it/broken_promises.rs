//! A store that breaks a promise fails the case of that promise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sessions_conformance::{Setup, Subject, Task, cases};

use crate::fault::Fault;
use crate::support::{self, Bytes, Records};

fn block_on(task: Task<'_>) {
    pollster::block_on(task);
}

fn subject(records: &Records, fault: Fault) -> Subject {
    let damaged = Arc::clone(records);
    let setup = Setup::new(Bytes::new(records, fault))
        .with_second_handle(Bytes::new(records, fault))
        .damaged_by(move |id, damage| support::damage(&damaged, id, damage));
    Subject::new(setup, block_on)
}

fn passes(fault: Fault, case: &impl AsyncFn(&Subject)) -> bool {
    let subject = subject(&Records::default(), fault);
    catch_unwind(AssertUnwindSafe(|| pollster::block_on(case(&subject)))).is_ok()
}

macro_rules! detects {
    ($($name:ident: $fault:ident by $topic:ident::$case:ident;)*) => {
        $(
            #[test]
            fn $name() {
                assert!(passes(Fault::None, &cases::$topic::$case), "the case fails a correct store");
                // A race may succeed by chance, but not every time.
                let is_detected = (0..50).any(|_| !passes(Fault::$fault, &cases::$topic::$case));
                assert!(is_detected, "{:?} is not detected", Fault::$fault);
            }
        )*
    };
}

detects! {
    a_create_that_overwrites: CreateOverwrites by create::a_taken_id_is_reported_and_never_overwritten;
    a_create_that_drops_parts: CreateDropsParts by create::a_created_record_is_loaded_as_it_was;
    a_listing_of_parts: CreateDropsParts by listing::a_listing_shows_whole_records;
    an_empty_record_that_is_none: EmptyRecordsAreNone by create::an_empty_record_is_loaded_as_it_was;
    a_timeout_that_is_cut: CreateLimitsTimeouts by create::huge_limits_are_kept;
    an_end_of_what_never_ends: CreateLimitsTimeouts by create::a_record_without_limits_never_expires;
    a_race_for_an_id_that_all_win: CreateOverwrites by create::racing_creates_of_one_id_have_one_winner;
    a_commit_that_makes_records: CommitMakesRecords by commit::a_commit_never_creates_a_record;
    a_commit_that_undoes_a_destroy: CommitMakesRecords by destroy::a_destroyed_session_is_gone;
    a_commit_that_any_secret_opens: CommitIgnoresSecrets by commit::a_wrong_secret_commits_nothing;
    a_renewal_that_leaves_the_old_secret: CommitIgnoresSecrets by commit::a_replaced_secret_opens_nothing;
    a_commit_that_revives: CommitIgnoresDeadlines by expiry::an_idle_session_expires_at_its_deadline;
    a_commit_that_forgets_the_idle_limit: CommitForgetsTheIdleLimit by expiry::a_longer_idle_timeout_survives_later_commits;
    a_commit_that_restarts_the_life: CommitRestartsTheAbsoluteDeadline by expiry::nothing_extends_the_absolute_deadline;
    a_commit_that_can_be_cut_in_half: CommitIsTwoSteps by futures::a_dropped_commit_is_all_or_nothing;
    a_commit_that_counts_twice: CommitIsTwoSteps by commit::every_commit_is_a_new_version;
    writes_that_are_lost: CommitReadsThenWrites by races::writes_of_different_keys_all_survive;
    increments_that_are_lost: CommitReadsThenWrites by races::increments_are_exact;
    a_destroy_that_is_undone: CommitReadsThenWrites by destroy::a_destroy_is_final_for_a_racing_login;
    a_commit_past_the_limits: CommitIgnoresLimits by commit::a_commit_past_a_limit_is_refused_whole;
    commits_past_the_limits_together: CommitIgnoresLimits by races::limits_hold_among_racing_commits;
    a_conflict_that_writes: ConflictAppliesTheRest by commit::a_commit_is_all_or_nothing;
    increments_that_are_floats: IncrementsAreFloats by changes::an_increment_adds_exactly;
    values_that_are_text: ValuesAreText by hostile::a_value_may_be_any_bytes;
    keys_that_are_trimmed: KeysAreTrimmed by hostile::a_key_may_be_any_text;
    a_commit_that_clears_nothing: ClearsAreForgotten by model::any_sequence_of_calls_matches_the_model;
    numbers_that_are_floats: IncrementsAreFloats by model::any_sequence_of_calls_matches_the_model;
    a_spared_session_that_ends: SparesNobody by model::any_sequence_of_calls_matches_the_model;
    a_commit_of_the_dead: CommitIgnoresDeadlines by model::any_sequence_of_calls_matches_the_model;
    a_listing_with_gaps: ScanSkips by model::any_sequence_of_calls_matches_the_model;
    a_sweep_of_too_much: SweepIgnoresItsLimit by model::any_sequence_of_calls_matches_the_model;
    a_removal_that_two_win: CommitReadsThenWrites by races::racing_removals_of_a_required_value_have_one_winner;
    a_commit_to_what_was_loaded: CommitChangesTheBase by commit::a_commit_on_an_old_base_changes_the_current_record;
    a_commit_that_returns_the_old_record: CommitReturnsTheBase by commit::a_commit_returns_the_new_record;
    a_commit_with_another_record: CommitReturnsTheBase by model::any_sequence_of_calls_matches_the_model;
    a_commit_to_all_sessions: CommitChangesAll by commit::a_commit_leaves_other_sessions_alone;
    a_commit_that_signs_out: CommitForgetsThePrincipal by principals::a_binding_survives_other_commits;
    a_principal_for_ever: FirstBindingsStay by principals::a_new_binding_replaces_the_old;
    a_load_that_touches: LoadTouches by expiry::a_load_does_not_extend_a_session;
    a_destroy_that_says_nothing: DestroyIsSilent by destroy::a_destroy_reports_whether_there_was_a_session;
    an_end_that_spares_the_busy: DestroyAllSparesTheBusy by bulk::destroy_all_is_final_among_racing_commits;
    logins_that_outlive_the_end: CommitReadsThenWrites by bulk::destroy_all_is_final_for_racing_logins;
    commits_that_outlive_a_logout: CommitReadsThenWrites by bulk::destroy_of_principal_is_final_among_racing_commits;
    an_end_that_comes_twice: EndsAreRepeated by bulk::sessions_created_after_destroy_all_live;
    a_logout_that_comes_twice: EndsAreRepeated by bulk::logins_after_destroy_of_principal_live;
    ends_that_count_the_same: LogoutsLookOnce by bulk::racing_ends_count_each_session_once;
    a_logout_of_somebody_else: LogoutsLookOnce by bulk::a_session_that_changes_hands_is_ended_or_kept;
    an_exception_that_is_a_copy: SparedSessionsAreRestored by bulk::a_spared_session_keeps_its_racing_commits;
    a_late_commit_that_undoes_an_end: CommitMakesRecords by bulk::a_commit_under_way_revives_nothing;
    an_end_that_leaves_no_room: EndsKeepTheRoom by destroy::a_store_works_after_destroy_all;
    principals_that_are_prefixes: PrincipalsArePrefixes by principals::principals_are_compared_byte_for_byte;
    principals_that_keep_the_dead: PrincipalsKeepTheExpired by principals::an_ended_session_has_no_principal;
    principals_that_are_miscounted: PrincipalsAreMiscounted by principals::sessions_of_a_principal_are_counted;
    an_exception_that_is_not_made: SparesNobody by principals::one_session_may_be_spared;
    a_sweep_without_a_limit: SweepIgnoresItsLimit by sweep::a_sweep_stops_at_its_limit;
    a_sweep_that_only_reports: SweepOnlyReports by sweep::a_swept_session_is_gone;
    a_sweep_that_looks_once: SweepLooksOnce by sweep::a_sweep_spares_a_session_seen_meanwhile;
    a_listing_that_skips: ScanSkips by listing::a_listing_has_every_live_session;
    a_count_that_is_off: CountIsOff by listing::the_count_follows_creates_and_destroys;
    a_count_beside_the_model: CountIsOff by model::any_sequence_of_calls_matches_the_model;
    a_sweep_by_old_deadlines: SweepKnowsFirstDeadlines by sweep::a_sweep_follows_a_moved_deadline;
    a_listing_of_nothing: ScanTakesItsLimit by listing::a_listing_without_room_has_every_session;
    racing_commits_that_return_the_old_record: CommitReturnsTheBase by races::racing_commits_return_what_they_wrote;
    a_time_that_goes_back: CommitReadsThenWrites by races::racing_clocks_leave_the_latest_time;
    an_end_of_all_that_can_be_cut_in_half: EndsAreTwoSteps by futures::a_dropped_destroy_all_leaves_whole_sessions;
    a_sweep_that_can_be_cut_in_half: EndsAreTwoSteps by futures::a_dropped_sweep_leaves_whole_sessions;
    a_handle_that_remembers: HandlesRemember by handles::two_handles_see_each_others_writes;
    damage_that_is_hidden: DamageIsNone by damage::a_damaged_record_harms_no_other_session;
    damage_that_spreads: DamageStopsListings by damage::a_damaged_record_harms_no_other_session;
    damage_that_stops_logins: DamageStopsListings by damage::a_damaged_record_stops_no_login;
    an_error_of_nobody: ErrorsNameNobody by damage::an_error_names_its_store;
    a_destroy_of_this_build_alone: NewerFormatsSurviveLogouts by damage::a_newer_format_stops_no_destroy;
    damage_that_stops_logouts: DamageStopsLogouts by damage::a_damaged_record_stops_no_logout;
    damage_that_stops_sweeps: DamageStopsSweeps by damage::a_damaged_record_stops_no_sweep;
    a_sweep_of_the_future: NewerFormatsAreSwept by damage::a_newer_format_is_left_unchanged;
    a_logout_of_this_build_alone: NewerFormatsSurviveLogouts by damage::a_newer_format_stops_no_logout;
}

#[test]
fn a_shared_namespace_is_detected() {
    let passes = |shared: bool| {
        let records = Records::default();
        let others = if shared { Arc::clone(&records) } else { Records::default() };
        let (one, other) = (subject(&records, Fault::None), subject(&others, Fault::None));
        let case = cases::handles::namespaces_are_separate(&one, &other);
        catch_unwind(AssertUnwindSafe(|| pollster::block_on(case))).is_ok()
    };
    assert!(passes(false));
    assert!(!passes(true));
}

#[test]
fn a_failing_sequence_is_reduced() {
    let subject = subject(&Records::default(), Fault::ClearsAreForgotten);
    let case = cases::model::any_sequence_of_calls_matches_the_model(&subject);
    let failure = catch_unwind(AssertUnwindSafe(|| pollster::block_on(case))).unwrap_err();
    let message = failure.downcast::<String>().unwrap();
    let (_, sequence) = message.split_once("that were tried:\n").unwrap();
    let steps: Vec<&str> = sequence.lines().collect();
    assert!(steps.len() <= 3, "{message}");
    assert!(steps[0].contains("Create") && steps[steps.len() - 1].contains("[Clear"), "{message}");
}

/// Returns whether one of the faults makes a case fail. A race may need several tries.
fn is_failed(case: &impl AsyncFn(&Subject)) -> bool {
    (0..50).any(|_| Fault::ALL.iter().any(|fault| !passes(*fault, case)))
}

macro_rules! unfailed {
    ([] $($topic:ident::$case:ident,)*) => {
        [$((stringify!($case), is_failed(&cases::$topic::$case))),*].into_iter().filter(|(_, is_failed)| !is_failed)
    };
}

/// A case that no broken store fails proves nothing.
#[test]
fn every_case_is_failed_by_a_broken_store() {
    let unfailed: Vec<_> = sessions_conformance::__each_case! { [unfailed] [] }
        .chain(sessions_conformance::__each_case_of_damage! { [unfailed] [] })
        .map(|(case, _)| case)
        .collect();
    assert!(unfailed.is_empty(), "no broken store fails {unfailed:?}");
}
