//! A store with two handles, pauses and damage keeps every promise.

use std::sync::Arc;

use sessions_conformance::Setup;

use crate::fault::Fault;
use crate::support::{self, Bytes, Records};

fn setup() -> Setup {
    let records = Records::default();
    let damaged = Arc::clone(&records);
    Setup::new(Bytes::new(&records, Fault::None))
        .with_second_handle(Bytes::new(&records, Fault::None))
        .damaged_by(move |id, damage| support::damage(&damaged, id, damage))
}

sessions_conformance::store_conformance!(pollster::block_on, |_| setup());
sessions_conformance::damage_conformance!(pollster::block_on, setup());
