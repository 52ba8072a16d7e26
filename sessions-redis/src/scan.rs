//! Iteration over all sessions, page by page and server by server.

mod walk;

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use redis::Value;
use sessions_core::record::Record;
use sessions_core::store::{Cursor, Page, StoreError, StoreErrorKind};
use sessions_core::{SessionId, Timestamp};

use crate::call::{Call, bytes, items};
use crate::error::{Cause, Fault};
use crate::fields::{self, Unreadable};
use crate::index::{self, AT_ONCE};
use crate::shared::Core;
use walk::{Server, Slots, Walk};

/// Minimum and maximum number of keys that a server examines per page.
const FEWEST_KEYS: usize = 10;
const MOST_KEYS: usize = 1000;
/// Number of pages without a session that are skipped before the caller gets an empty one.
const MOST_EMPTY: usize = 100;
/// Number of lookups for the server of a slot, and the time between them.
const MOST_MISSES: u32 = 50;
const MISS_PAUSE: Duration = Duration::from_millis(20);

/// Returns one page of the live sessions.
pub(crate) async fn page(core: &Core, from: Option<Cursor>, limit: usize, now: Timestamp) -> Result<Page, StoreError> {
    let mut walk = from.map_or_else(Walk::default, |cursor| Walk::decode(cursor.as_bytes()));
    let mut records = Vec::new();
    let mut count = limit.clamp(FEWEST_KEYS, MOST_KEYS);
    for _ in 0..MOST_EMPTY {
        let ids = step(core, &mut walk, count).await?;
        records = load_all(core, ids, now).await?;
        if walk.is_over() || !records.is_empty() {
            break;
        }
        // Most keys belong to others, so take longer steps.
        count = MOST_KEYS.min(count * 2);
    }
    let next = (!walk.is_over()).then(|| Cursor::from_bytes(walk.encode()));
    Ok(Page::new(records, next))
}

async fn load_all(core: &Core, ids: Vec<SessionId>, now: Timestamp) -> Result<Vec<Record>, StoreError> {
    let mut loads = stream::iter(ids.into_iter().map(|id| index::load(core, id))).buffer_unordered(AT_ONCE);
    let mut records = Vec::new();
    while let Some(loaded) = loads.next().await {
        match loaded {
            Ok(record) => records.extend(record.filter(|record| record.is_live(now))),
            Err(error) if fields::is_of_one_record(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(records)
}

/// Returns the number of sessions.
pub(crate) async fn count(core: &Core) -> Result<u64, StoreError> {
    let mut walk = Walk::default();
    let mut count = 0;
    while !walk.is_over() {
        count += step(core, &mut walk, MOST_KEYS).await?.len() as u64;
    }
    Ok(count)
}

/// Ends all sessions.
pub(crate) async fn destroy_all(core: &Core) -> Result<u64, StoreError> {
    let mut walk = Walk::default();
    let mut count = 0;
    while !walk.is_over() {
        let ids = step(core, &mut walk, MOST_KEYS).await?;
        let ends = ids.into_iter().map(|id| async move { (id, index::destroy(core, id, None).await) });
        let mut ends = stream::iter(ends).buffer_unordered(AT_ONCE);
        while let Some((id, end)) = ends.next().await {
            let end = end?;
            count += u64::from(end.was_there);
            if let Some(principal) = end.principal {
                index::forget(core, &principal, id);
            }
        }
    }
    Ok(count)
}

/// Moves one step on, and returns the ids found there.
async fn step(core: &Core, walk: &mut Walk, count: usize) -> Result<Vec<SessionId>, StoreError> {
    let Some(slot) = walk.slot() else {
        return Ok(Vec::new());
    };
    let before = server(core, slot).await?;
    let stay = walk.stay_at(&before);
    let (position, ids) = scan(core, slot, stay.position, count).await?;
    let after = server(core, slot).await?;
    // Another process has other keys in another order, so what it scanned means nothing.
    if after.run != before.run {
        walk.leave();
        return Ok(Vec::new());
    }
    walk.go_on(stay, &after, position);
    Ok(ids)
}

async fn scan(core: &Core, slot: u16, position: u64, count: usize) -> Result<(u64, Vec<SessionId>), StoreError> {
    let mut command = redis::cmd("SCAN");
    command.arg(position).arg("MATCH").arg(core.keys.pattern()).arg("COUNT").arg(count);
    let answer = core.read(&Call::of_server(slot, command)).await?;
    let Some([position, keys]) = items(&answer) else {
        return Err(Unreadable::Damaged.into());
    };
    let position = bytes(position).and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse().ok());
    let keys = items(keys).unwrap_or_default().iter().filter_map(bytes);
    let ids = keys.filter_map(|key| core.keys.id_of(key)).collect();
    Ok((position.ok_or(Unreadable::Damaged)?, ids))
}

/// Returns the slots of the server that has a slot, and the name of its process.
async fn server(core: &Core, slot: u16) -> Result<Server, StoreError> {
    if !core.link.is_cluster() {
        let run = run(core, slot).await?;
        return Ok(Server { run, slots: Slots::all() });
    }
    let mut nodes = redis::cmd("CLUSTER");
    nodes.arg("NODES");
    let call = Call::of_server(slot, nodes);
    for _ in 0..MOST_MISSES {
        let answer = core.read(&call).await?;
        let own = own_line(&text(&answer));
        if let Some((name, slots)) = own.filter(|(_, slots)| slots.contains(slot)) {
            let run = name + &run(core, slot).await?;
            return Ok(Server { run, slots });
        }
        // The slot has moved. There was no redirect, since the command has no key.
        core.link.warm_up();
        tokio::time::sleep(MISS_PAUSE).await;
    }
    let cause = Cause::text("no server says that it has the slot".to_owned());
    Err(Fault::Unreached(cause).into_error(StoreErrorKind::Unavailable))
}

/// Returns the name of the process that has a slot.
async fn run(core: &Core, slot: u16) -> Result<String, StoreError> {
    let mut info = redis::cmd("INFO");
    info.arg("server");
    match core.read(&Call::of_server(slot, info)).await {
        Ok(answer) => Ok(field(&answer, "run_id:")),
        // A user without the right to ask does without the name.
        Err(failure) if failure.code.is_some() => Ok(String::new()),
        Err(failure) => Err(failure.into()),
    }
}

fn text(value: &Value) -> String {
    String::from_utf8_lossy(bytes(value).unwrap_or_default()).into_owned()
}

fn field(value: &Value, name: &str) -> String {
    text(value).lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
}

/// Returns the name and the slots of the replying server from its reply to CLUSTER NODES.
fn own_line(nodes: &str) -> Option<(String, Slots)> {
    let own = nodes.lines().find(|line| line.split(' ').nth(2).is_some_and(|flags| flags.contains("myself")))?;
    let (name, _) = own.split_once(' ')?;
    // Slots in brackets are being moved, and also listed where they still are.
    let ranges = own.split(' ').skip(8).filter(|range| !range.starts_with('['));
    let bounds = ranges.map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some((first.parse().ok()?, last.parse().ok()?))
    });
    Some((name.to_owned(), Slots::of(bounds.collect::<Option<_>>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_servers_own_slots_are_read() {
        let nodes = "aaa 127.0.0.1:1@1 master - 0 0 1 connected 0-99\n\
                     bbb 127.0.0.1:2@2 myself,master - 0 0 2 connected 100-199 300 [100->-aaa] [400-<-aaa]\n";
        let (name, slots) = own_line(nodes).unwrap();
        assert_eq!(name, "bbb");
        assert_eq!(slots, Slots::of(vec![(100, 199), (300, 300)]));
        assert!(own_line("aaa 127.0.0.1:1@1 master - 0 0 1 connected 0-99").is_none());
    }
}
