//! Iteration over all sessions, page by page and server by server.

use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use redis::InfoDict;
use sessions_remote::{Answer, Failure, Values};
use sessions_store::SessionId;

use crate::engine::{AT_ONCE, Redis};
use crate::walk::{Server, Slots, Walk};

/// Minimum and maximum number of keys that a server examines per step.
const FEWEST_KEYS: usize = 10;
const MOST_KEYS: usize = 1000;
/// Number of steps without a session before the caller gets an empty page.
const MOST_EMPTY: usize = 100;
/// Number of lookups for the server of a slot, and the time between them.
const MOST_MISSES: u32 = 50;
const MISS_PAUSE: Duration = Duration::from_millis(20);

impl Redis {
    pub(crate) async fn page_of(&self, from: Option<&[u8]>, limit: usize) -> Answer<Values> {
        let mut walk = from.map_or_else(Walk::default, Walk::decode);
        let mut values = Vec::new();
        let mut count = limit.clamp(FEWEST_KEYS, MOST_KEYS);
        for _ in 0..MOST_EMPTY {
            let Some(slot) = walk.slot() else { break };
            values = self.values(self.step(&mut walk, slot, count).await?).await?;
            if !values.is_empty() {
                break;
            }
            // Most keys belong to others, so take longer steps.
            count = MOST_KEYS.min(count * 2);
        }
        Ok(Values::new(values, (!walk.is_over()).then(|| walk.encode())))
    }

    /// Reads values, without those that are missing or no strings.
    async fn values(&self, ids: Vec<SessionId>) -> Answer<Vec<Vec<u8>>> {
        let values = stream::iter(ids.into_iter().map(|id| self.value(id))).buffer_unordered(AT_ONCE);
        values.try_filter_map(|value| std::future::ready(Ok(value))).try_collect().await
    }

    pub(crate) async fn count_all(&self) -> Answer<u64> {
        let (mut walk, mut count) = (Walk::default(), 0);
        let mut counted = Slots::default();
        while let Some(slot) = walk.slot() {
            let ids = self.step(&mut walk, slot, MOST_KEYS).await?;
            // A server is walked again for its new slots alone. What moves may be counted twice.
            let is_new = |id: &&SessionId| {
                let slot = self.keys.session(**id).slot();
                !counted.contains(slot) || walk.follows(slot)
            };
            count += ids.iter().filter(is_new).count() as u64;
            counted = walk.with_done(&counted);
        }
        Ok(count)
    }

    pub(crate) async fn delete_each(&self) -> Answer<u64> {
        let (mut walk, mut count) = (Walk::default(), 0);
        while let Some(slot) = walk.slot() {
            let ids = self.step(&mut walk, slot, MOST_KEYS).await?;
            let mut ends = stream::iter(ids.into_iter().map(|id| self.delete_and_unlist(id))).buffer_unordered(AT_ONCE);
            while let Some(was_there) = ends.try_next().await? {
                count += u64::from(was_there);
            }
        }
        Ok(count)
    }

    /// Moves one step on at the server of a slot, and returns the ids found there.
    async fn step(&self, walk: &mut Walk, slot: u16, count: usize) -> Answer<Vec<SessionId>> {
        let before = self.server(slot).await?;
        let stay = walk.stay_at(&before);
        let (position, ids) = self.scan(slot, stay.position, count).await?;
        let after = self.server(slot).await?;
        // Another process has other keys in another order, so what it scanned means nothing.
        if after.run != before.run {
            return Ok(Vec::new());
        }
        walk.go_on(stay, &after, position);
        Ok(ids)
    }

    async fn scan(&self, slot: u16, position: u64, count: usize) -> Answer<(u64, Vec<SessionId>)> {
        let pattern = self.keys.pattern();
        let scan = || redis::cmd("SCAN").arg(position).arg("MATCH").arg(&pattern).arg("COUNT").arg(count).clone();
        let (position, keys): (u64, Vec<Vec<u8>>) = self.ask(slot, scan).await?;
        Ok((position, keys.iter().filter_map(|key| self.keys.id_of(key)).collect()))
    }

    /// Returns the slots of the server that has a slot, and the name of its process.
    async fn server(&self, slot: u16) -> Answer<Server> {
        if !self.link.is_cluster() {
            let run = self.run(slot).await?;
            return Ok(Server { run, slots: Slots::all(), leaving: Vec::new() });
        }
        for _ in 0..MOST_MISSES {
            let nodes: String = self.ask(slot, || redis::cmd("CLUSTER").arg("NODES").clone()).await?;
            if let Some(server) = own_server(&nodes).filter(|server| server.slots.contains(slot)) {
                let run = server.run + &self.run(slot).await?;
                return Ok(Server { run, ..server });
            }
            // The slot has moved. There was no redirect, since the command has no key.
            self.link.refresh();
            tokio::time::sleep(MISS_PAUSE).await;
        }
        Err(Failure::unreached("no server says that it has the slot"))
    }

    /// Returns the name of the process that has a slot.
    async fn run(&self, slot: u16) -> Answer<String> {
        match self.ask::<InfoDict>(slot, || redis::cmd("INFO").arg("server").clone()).await {
            Ok(info) => Ok(info.get("run_id").unwrap_or_default()),
            // A user without the right to ask does without the name.
            Err(fault) if fault.code() == Some("NOPERM") => Ok(String::new()),
            Err(fault) => Err(fault.into()),
        }
    }
}

/// Returns the replying server from its reply to CLUSTER NODES.
fn own_server(nodes: &str) -> Option<Server> {
    let own = nodes.lines().find(|line| line.split(' ').nth(2).is_some_and(|flags| flags.contains("myself")))?;
    let (name, _) = own.split_once(' ')?;
    let moves = own.split(' ').skip(8).filter_map(|word| {
        let (slot, to) = word.strip_prefix('[')?.strip_suffix(']')?.split_once("->-")?;
        Some((slot.parse().ok()?, to))
    });
    let with_receiver = |(slot, to): (u16, &str)| {
        let receiver = nodes.lines().find(|line| line.split(' ').next() == Some(to))?;
        Some((slot, slots(receiver)?))
    };
    Some(Server { run: name.to_owned(), slots: slots(own)?, leaving: moves.filter_map(with_receiver).collect() })
}

/// Returns the slots of a server from its line.
fn slots(line: &str) -> Option<Slots> {
    // Slots in brackets are being moved, and also listed where they still are.
    let ranges = line.split(' ').skip(8).filter(|range| !range.starts_with('['));
    let bounds = ranges.map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some((first.parse().ok()?, last.parse().ok()?))
    });
    Some(Slots::of(bounds.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_servers_own_slots_are_read() {
        let nodes = "aaa 127.0.0.1:1@1 master - 0 0 1 connected 0-99\n\
                     bbb 127.0.0.1:2@2 myself,master - 0 0 2 connected 100-199 300 [100->-aaa] [400-<-aaa]\n";
        let server = own_server(nodes).unwrap();
        assert_eq!(server.run, "bbb");
        assert_eq!(server.slots, Slots::of(vec![(100, 199), (300, 300)]));
        assert_eq!(server.leaving, [(100, Slots::of(vec![(0, 99)]))]);
        assert!(own_server("aaa 127.0.0.1:1@1 master - 0 0 1 connected 0-99").is_none());
    }
}
