//! Applies arbitrary changes to arbitrary records.
//!
//! [`Record::apply`] does what a model of maps does, and the resulting record decodes.

#![no_main]

use fuzz::model::{Action, Draft, Model, Shown};
use libfuzzer_sys::{arbitrary, fuzz_target};
use sessions_store::{Record, Refusal};

/// A record and the requests that change it, in order.
#[derive(arbitrary::Arbitrary, Debug)]
struct Input<'a> {
    record: Draft<'a>,
    requests: Vec<Request<'a>>,
}

#[derive(arbitrary::Arbitrary, Debug)]
struct Request<'a> {
    shown: Shown,
    millis_later: u16,
    actions: Vec<Action<'a>>,
}

fuzz_target!(|input: Input<'_>| {
    let Ok(mut record) = input.record.build() else { return };
    let mut model = Model::of(&record);
    for Request { shown, millis_later, actions } in &input.requests {
        let changes = model.request(*millis_later, *shown);
        let changes = actions.iter().fold(changes, |changes, action| action.write_to(changes));
        match (record.apply(&changes), model.apply(&changes)) {
            (Ok(changed), Ok(())) => record = Record::decode(changed.as_bytes()).expect("a changed record decodes"),
            (Err(refusal), Err(expected)) if refusal == expected => {}
            // The model has no limits.
            (Err(refusal), _) if !matches!(refusal, Refusal::Gone | Refusal::Conflict) => return,
            (done, expected) => panic!("{done:?} where the model says {expected:?}, of {changes:?}"),
        }
        assert_eq!(Model::of(&record), model.shown());
    }
});
