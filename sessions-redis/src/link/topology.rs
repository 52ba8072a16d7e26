//! The owners of slots.

use redis::Value;

use crate::refusal::Endpoint;

/// A range of slots, and its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Range<O> {
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) owner: O,
}

/// Parses the reply to CLUSTER SLOTS, sorted by slot.
pub(crate) fn parse(reply: &Value) -> Option<Vec<Range<Endpoint>>> {
    let Value::Array(rows) = reply else { return None };
    let mut ranges = rows.iter().map(range).collect::<Option<Vec<_>>>()?;
    ranges.sort_by_key(|range| range.first);
    Some(ranges)
}

fn range(row: &Value) -> Option<Range<Endpoint>> {
    let Value::Array(row) = row else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(owner), ..] = &row[..] else { return None };
    let [host, Value::Int(port), ..] = &owner[..] else { return None };
    let host: Option<String> = redis::from_redis_value_ref(host).ok()?;
    let owner = (host.unwrap_or_default(), u16::try_from(*port).ok()?);
    Some(Range { first: u16::try_from(*first).ok()?, last: u16::try_from(*last).ok()?, owner })
}

/// Returns the owner of a slot from sorted ranges.
pub(crate) fn find<O>(ranges: &[Range<O>], slot: u16) -> Option<&O> {
    let after = ranges.partition_point(|range| range.first <= slot);
    let range = &ranges[after.checked_sub(1)?];
    (slot <= range.last).then_some(&range.owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn row(first: i64, last: i64, host: Value, port: i64) -> Value {
        let primary = Value::Array(vec![host, Value::Int(port), text("name")]);
        Value::Array(vec![Value::Int(first), Value::Int(last), primary, Value::Nil])
    }

    #[test]
    fn an_owner_is_found_but_no_gap() {
        let answer = Value::Array(vec![row(5461, 10_922, text("b"), 2), row(0, 5000, Value::Nil, 1)]);
        let ranges = parse(&answer).unwrap();
        let port = |slot| find(&ranges, slot).map(|(_, port)| *port);
        assert_eq!((port(0), port(5000), port(5001)), (Some(1), Some(1), None));
        assert_eq!((port(5461), port(10_922), port(10_923)), (Some(2), Some(2), None));
        assert_eq!(ranges[0].owner.0, "");
        assert_eq!(find::<Endpoint>(&[], 0), None);
    }

    #[test]
    fn other_replies_are_no_topology() {
        for value in [Value::Nil, Value::Array(vec![Value::Nil]), Value::Array(vec![row(0, 99_999, Value::Nil, 1)])] {
            assert!(parse(&value).is_none());
        }
    }
}
