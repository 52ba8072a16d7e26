//! The promises of the contract that a store may break.

macro_rules! faults {
    ($($fault:ident,)*) => {
        /// A promise to break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            None,
            $($fault,)*
        }

        impl Fault {
            /// All faults.
            pub(crate) const ALL: &[Self] = &[$(Self::$fault),*];
        }
    };
}

faults! {
    CreateOverwrites,
    CreateDropsParts,
    CreateLimitsTimeouts,
    EmptyRecordsAreNone,
    CommitMakesRecords,
    CommitIgnoresSecrets,
    CommitIgnoresDeadlines,
    CommitForgetsTheIdleLimit,
    CommitRestartsTheAbsoluteDeadline,
    CommitIsTwoSteps,
    CommitReadsThenWrites,
    CommitIgnoresLimits,
    ClearsAreForgotten,
    ConflictAppliesTheRest,
    IncrementsAreFloats,
    ValuesAreText,
    KeysAreTrimmed,
    CommitChangesTheBase,
    CommitReturnsTheBase,
    CommitChangesAll,
    CommitForgetsThePrincipal,
    FirstBindingsStay,
    LoadTouches,
    DestroyIsSilent,
    EndsKeepTheRoom,
    EndsAreRepeated,
    DestroyAllSparesTheBusy,
    LogoutsLookOnce,
    PrincipalsArePrefixes,
    PrincipalsKeepTheExpired,
    PrincipalsAreMiscounted,
    SparesNobody,
    SparedSessionsAreRestored,
    SweepIgnoresItsLimit,
    SweepLooksOnce,
    SweepOnlyReports,
    SweepKnowsFirstDeadlines,
    EndsAreTwoSteps,
    ScanSkips,
    ScanTakesItsLimit,
    CountIsOff,
    HandlesRemember,
    DamageIsNone,
    DamageStopsListings,
    DamageStopsLogouts,
    DamageStopsSweeps,
    ErrorsNameNobody,
    NewerFormatsAreSwept,
    NewerFormatsSurviveLogouts,
}
