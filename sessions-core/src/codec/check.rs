//! Checking that a value survives a round trip through JSON.
//!
//! serde_json writes some values that it does not read back: non-finite floats and `Some(None)`
//! become `null`, and only the parser limits the nesting depth. So each value is traversed once
//! before it is written.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Maximum nesting depth of arrays and objects that serde_json's parser accepts.
const MAX_DEPTH: usize = 127;

/// Checks that a value survives a round trip.
///
/// # Errors
///
/// Returns why JSON would change the value or refuse to read it.
pub(super) fn check<T: Serialize + ?Sized>(value: &T) -> Result<(), Refused> {
    value.serialize(Walk { depth: 0 }).map(drop)
}

/// Why a value is refused, without any part of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(&'static str);

const NOT_FINITE: Refused = Refused("JSON cannot represent a float that is not finite");
const NESTED_NULL: Refused = Refused("a `Some` that JSON writes as null would be read back as `None`");
const TOO_DEEP: Refused = Refused("arrays and objects are nested more than 127 deep");
const REPEATED_KEY: Refused = Refused("a map has the same key twice");
const NO_KEY: Refused = Refused("a map key is not a string, number, boolean or unit variant");
const OWN_FAILURE: Refused = Refused("the type's own `Serialize` failed");

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Refused {}

impl serde::ser::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        OWN_FAILURE
    }
}

/// Whether JSON writes a value as null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Null,
    Other,
}

/// A traversal of a value inside `depth` arrays and objects.
#[derive(Clone, Copy)]
struct Walk {
    depth: usize,
}

impl Walk {
    fn deeper(self, levels: usize) -> Result<Self, Refused> {
        let depth = self.depth + levels;
        if depth > MAX_DEPTH { Err(TOO_DEEP) } else { Ok(Self { depth }) }
    }
}

/// Defines the methods of values that contain no others, by the shape that JSON gives them.
macro_rules! plain {
    ($($shape:ident: $($method:ident($($type:ty),*))+;)+) => {
        $($(fn $method(self, $(_: $type),*) -> Result<Shape, Refused> {
            Ok(Shape::$shape)
        })+)+
    };
}

/// Defines the methods of values that contain others, by the levels of nesting that they add.
macro_rules! nested {
    ($($levels:literal: $($method:ident($($type:ty),+))+;)+) => {
        $($(fn $method(self, $(_: $type),+) -> Result<Inside, Refused> {
            Ok(Inside { values: self.deeper($levels)?, keys: BTreeSet::new() })
        })+)+
    };
}

impl Serializer for Walk {
    type Ok = Shape;
    type Error = Refused;
    type SerializeSeq = Inside;
    type SerializeTuple = Inside;
    type SerializeTupleStruct = Inside;
    type SerializeTupleVariant = Inside;
    type SerializeMap = Inside;
    type SerializeStruct = Inside;
    type SerializeStructVariant = Inside;

    plain! {
        Null: serialize_none() serialize_unit() serialize_unit_struct(&'static str);
        Other: serialize_bool(bool)
            serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
            serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
            serialize_char(char) serialize_str(&str)
            serialize_unit_variant(&'static str, u32, &'static str);
    }

    nested! {
        1: serialize_seq(Option<usize>)
            serialize_tuple(usize)
            serialize_tuple_struct(&'static str, usize)
            serialize_map(Option<usize>)
            serialize_struct(&'static str, usize);
        // JSON wraps the variant's array or object in another object.
        2: serialize_tuple_variant(&'static str, u32, &'static str, usize)
            serialize_struct_variant(&'static str, u32, &'static str, usize);
    }

    // JSON writes an array of numbers.
    fn serialize_bytes(self, _: &[u8]) -> Result<Shape, Refused> {
        self.deeper(1).map(|_| Shape::Other)
    }

    fn serialize_f32(self, value: f32) -> Result<Shape, Refused> {
        if value.is_finite() { Ok(Shape::Other) } else { Err(NOT_FINITE) }
    }

    fn serialize_f64(self, value: f64) -> Result<Shape, Refused> {
        if value.is_finite() { Ok(Shape::Other) } else { Err(NOT_FINITE) }
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<Shape, Refused> {
        Ok(Shape::Other)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Shape, Refused> {
        match value.serialize(self)? {
            Shape::Null => Err(NESTED_NULL),
            Shape::Other => Ok(Shape::Other),
        }
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Shape, Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<Shape, Refused> {
        value.serialize(self.deeper(1)?)?;
        Ok(Shape::Other)
    }
}

/// A traversal of the elements of an array or the fields of an object.
struct Inside {
    values: Walk,
    /// The keys of a map as JSON. They may repeat, for example in a struct with a flattened map.
    keys: BTreeSet<Vec<u8>>,
}

macro_rules! inside {
    ($($trait:ident::$method:ident($($name:ty)?))+) => {
        $(impl $trait for Inside {
            type Ok = Shape;
            type Error = Refused;

            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Result<(), Refused> {
                value.serialize(self.values).map(drop)
            }

            fn end(self) -> Result<Shape, Refused> {
                Ok(Shape::Other)
            }
        })+
    };
}

inside! {
    SerializeSeq::serialize_element()
    SerializeTuple::serialize_element()
    SerializeTupleStruct::serialize_field()
    SerializeTupleVariant::serialize_field()
    SerializeStruct::serialize_field(&'static str)
    SerializeStructVariant::serialize_field(&'static str)
}

impl SerializeMap for Inside {
    type Ok = Shape;
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        // Inside an object, since JSON writes keys differently from values.
        let mut text = Vec::new();
        serde_json::Serializer::new(&mut text).collect_map([(key, ())]).map_err(|_| NO_KEY)?;
        if self.keys.insert(text) { Ok(()) } else { Err(REPEATED_KEY) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        value.serialize(self.values).map(drop)
    }

    fn end(self) -> Result<Shape, Refused> {
        Ok(Shape::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes within nested lists.
    struct Nested(usize);

    impl Serialize for Nested {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                0 => serializer.serialize_bytes(b"bytes"),
                depth => serializer.collect_seq([Self(depth - 1)]),
            }
        }
    }

    #[test]
    fn bytes_are_a_list_of_their_own() {
        assert_eq!(check(&Nested(MAX_DEPTH - 1)), Ok(()));
        assert_eq!(check(&Nested(MAX_DEPTH)), Err(TOO_DEEP));
    }
}
