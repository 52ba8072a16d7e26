//! The store contract, with a folder for each test.

use sessions_conformance::{Damage, Setup};
use sessions_disk::testing;
use sessions_fjall::FjallStore;

fn setup() -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let store = FjallStore::open(folder.path().join("sessions")).unwrap();
    Setup::new(store.clone()).keeping(folder).damaged_by(move |id, damage| match damage {
        Damage::NewerFormat => testing::make_newer(&store, id),
        _ => testing::corrupt(&store, id),
    })
}

sessions_conformance::store_conformance!(pollster::block_on, setup());
sessions_conformance::damage_conformance!(pollster::block_on, setup());
