//! The store contract, also while answers are lost.

use sessions_conformance::{Damage, Setup};
use sessions_remote::{Options, RemoteStore};

use crate::map_engine::{Map, MapEngine};

fn open(map: &Map) -> RemoteStore<MapEngine> {
    RemoteStore::new(MapEngine::over(map), Options::default()).unwrap()
}

fn setup() -> Setup {
    let map = Map::default();
    let damaged = Map::clone(&map);
    Setup::new(open(&map)).with_second_handle(open(&map)).damaged_by(move |id, damage| {
        let mut map = damaged.lock().unwrap();
        let value = map.get_mut(&id).unwrap();
        match damage {
            Damage::NewerFormat => value[0] = 200,
            _ => value.truncate(value.len() / 2),
        }
    })
}

sessions_conformance::store_conformance!(pollster::block_on, setup());
sessions_conformance::damage_conformance!(pollster::block_on, setup());
