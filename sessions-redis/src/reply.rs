//! Replies, in either protocol version.

use redis::Value;

/// Returns the bytes of a string.
pub(crate) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        _ => None,
    }
}

/// Returns the bytes of a string without a copy.
pub(crate) fn into_bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        other => bytes(&other).map(<[u8]>::to_vec),
    }
}

/// Returns the text of a number.
pub(crate) fn number_text(value: &Value) -> Option<String> {
    match value {
        Value::Int(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        other => bytes(other).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()),
    }
}

/// Returns the items of a list.
pub(crate) fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) | Value::Set(items) => Some(items),
        _ => None,
    }
}
