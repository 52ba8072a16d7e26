//! Values of every shape in serde's data model.

use std::collections::BTreeMap;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use serde::{Deserialize, Serialize};

/// A value of one shape, or of several nested ones.
#[derive(Arbitrary, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Any {
    Unit,
    Bool(bool),
    Signed(i8, i16, i32, i64),
    Unsigned(u8, u16, u32, u64),
    Wide(i128, u128),
    Single(f32),
    Double(f64),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    Nothing(()),
    Optional(Option<Box<Self>>),
    Options(Option<Option<Option<()>>>),
    Sequence(Vec<Self>),
    Tuple(Box<(Self, Self)>),
    Struct {
        first: Box<Self>,
        r#second: Option<Vec<Self>>,
        #[serde(rename = "")]
        nameless: Unit,
    },
    Newtype(Newtype),
    TextMap(BTreeMap<String, Self>),
    NumberMap(BTreeMap<i64, Self>),
    WideMap(BTreeMap<u128, Self>),
    CharMap(BTreeMap<char, Unit>),
    BoolMap(BTreeMap<bool, Unit>),
    EnumMap(BTreeMap<Unit2, Self>),
    OptionMap(BTreeMap<Option<u8>, Unit>),
    TupleMap(BTreeMap<(u8, u8), Unit>),
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit;

#[derive(Arbitrary, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Newtype(Box<Any>);

/// Keys of a map, as enum variants without fields.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Unit2 {
    First,
    Second,
}
