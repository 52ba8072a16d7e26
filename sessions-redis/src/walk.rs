//! The progress of a walk over all servers.
//!
//! A walk can continue in another request, in another process, and after a failover.

use crate::keys::SLOTS;

/// A set of slots, as sorted ranges with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slots(Vec<(u16, u16)>);

impl Slots {
    pub(crate) fn all() -> Self {
        Self(vec![(0, SLOTS - 1)])
    }

    pub(crate) fn of(mut ranges: Vec<(u16, u16)>) -> Self {
        ranges.retain(|(first, last)| first <= last && *last < SLOTS);
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    pub(crate) fn contains(&self, slot: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&slot))
    }

    fn first(&self) -> Option<u16> {
        self.0.first().map(|(first, _)| *first)
    }

    fn first_missing(&self) -> Option<u16> {
        match self.0.first() {
            Some((0, last)) => Some(last + 1).filter(|slot| *slot < SLOTS),
            _ => Some(0),
        }
    }

    fn union(&self, other: &Self) -> Self {
        Self::of([self.0.as_slice(), &other.0].concat())
    }

    fn difference(&self, other: &Self) -> Self {
        let mut ranges = self.0.clone();
        for (first, last) in &other.0 {
            let cut = |(from, to): (u16, u16)| {
                let below = first.checked_sub(1).map(|end| (from, to.min(end)));
                [below, Some((from.max(last + 1), to))].into_iter().flatten().filter(|(from, to)| from <= to)
            };
            ranges = ranges.into_iter().flat_map(cut).collect();
        }
        Self::of(ranges)
    }

    fn intersection(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|one| other.0.iter().map(move |other| (one, other)));
        Self::of(pairs.map(|(one, other)| (one.0.max(other.0), one.1.min(other.1))).collect())
    }
}

/// The current state of a server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Name of the process: a restarted server has another.
    pub(crate) run: String,
    pub(crate) slots: Slots,
    /// Slots that are moving away, each with all slots of the server that receives it.
    pub(crate) leaving: Vec<(u16, Slots)>,
}

/// The position of the walk at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    run: String,
    pub(crate) position: u64,
    /// Slots that the server has had since the walk reached it.
    slots: Slots,
}

/// A walk over all slots.
///
/// A slot is done once the walk has finished a server that had it all the time. A slot that moves
/// meanwhile is walked again at its new place. While it is moving, some of its keys are at the new
/// place already, which may have been walked before they came. So the server there is walked again
/// after the one that they leave: once for each slot, as none comes later that has not been seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    done: Slots,
    /// Moving slots whose new server is walked again, or has been.
    followed: Slots,
    stay: Option<Stay>,
}

impl Walk {
    pub(crate) fn is_over(&self) -> bool {
        self.slot().is_none()
    }

    /// Returns a slot of the next server.
    pub(crate) fn slot(&self) -> Option<u16> {
        let staying = self.stay.as_ref().and_then(|stay| stay.slots.first());
        staying.or_else(|| self.done.first_missing())
    }

    /// Continues at the server, or starts over if the walk was at another one.
    ///
    /// Unless [`go_on`](Self::go_on) follows, the walk has left the server.
    pub(crate) fn stay_at(&mut self, server: &Server) -> Stay {
        let stay = self.stay.take().filter(|stay| stay.run == server.run);
        stay.unwrap_or_else(|| Stay { run: server.run.clone(), position: 0, slots: server.slots.clone() })
    }

    /// Stores the new position. Zero means that the server is done.
    pub(crate) fn go_on(&mut self, stay: Stay, server: &Server, position: u64) {
        let slots = stay.slots.intersection(&server.slots);
        if position == 0 {
            self.done = self.done.union(&slots);
            self.stay = None;
            for (slot, at_receiver) in &server.leaving {
                if slots.contains(*slot) && !self.followed.contains(*slot) {
                    self.followed = self.followed.union(&Slots::of(vec![(*slot, *slot)]));
                    self.done = self.done.difference(at_receiver);
                }
            }
        } else {
            self.stay = Some(Stay { position, slots, ..stay });
        }
    }

    /// Adds the slots that are done now to others.
    pub(crate) fn with_done(&self, others: &Slots) -> Slots {
        self.done.union(others)
    }

    /// Returns whether a slot was moving when its server had been walked.
    pub(crate) fn follows(&self, slot: u16) -> bool {
        self.followed.contains(slot)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_slots(&mut bytes, &self.done);
        write_slots(&mut bytes, &self.followed);
        if let Some(stay) = &self.stay {
            bytes.extend(stay.position.to_be_bytes());
            write_slots(&mut bytes, &stay.slots);
            bytes.extend(stay.run.as_bytes());
        }
        bytes
    }

    /// Parses the bytes of [`encode`](Self::encode). Anything else starts a new walk.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        Self::try_decode(bytes).unwrap_or_default()
    }

    fn try_decode(mut bytes: &[u8]) -> Option<Self> {
        let done = read_slots(&mut bytes)?;
        let followed = read_slots(&mut bytes)?;
        if bytes.is_empty() {
            return Some(Self { done, followed, stay: None });
        }
        let position = u64::from_be_bytes(*bytes.split_off(..8)?.first_chunk()?);
        let slots = read_slots(&mut bytes)?;
        let run = String::from_utf8(bytes.to_vec()).ok()?;
        let stay = Some(Stay { run, position, slots });
        Some(Self { done, followed, stay })
    }
}

fn write_slots(bytes: &mut Vec<u8>, slots: &Slots) {
    bytes.extend((slots.0.len() as u16).to_be_bytes());
    for (first, last) in &slots.0 {
        bytes.extend(first.to_be_bytes());
        bytes.extend(last.to_be_bytes());
    }
}

fn read_slots(bytes: &mut &[u8]) -> Option<Slots> {
    let mut word = || Some(u16::from_be_bytes(*bytes.split_off(..2)?.first_chunk()?));
    let count = word()?;
    let ranges = (0..count).map(|_| Some((word()?, word()?))).collect::<Option<_>>()?;
    Some(Slots::of(ranges))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(run: &str, slots: &[(u16, u16)]) -> Server {
        Server { run: run.to_owned(), slots: Slots::of(slots.to_vec()), leaving: Vec::new() }
    }

    fn visit(walk: &mut Walk, server: &Server, position: u64) {
        let stay = walk.stay_at(server);
        walk.go_on(stay, server, position);
    }

    #[test]
    fn a_walk_ends_after_every_server() {
        let mut walk = Walk::default();
        visit(&mut walk, &server("a", &[(0, 99), (200, 299)]), 7);
        assert_eq!(walk.slot(), Some(0));
        visit(&mut walk, &server("a", &[(0, 99), (200, 299)]), 0);
        assert_eq!(walk.slot(), Some(100));
        visit(&mut walk, &server("b", &[(100, 199)]), 0);
        assert_eq!(walk.slot(), Some(300));
        visit(&mut walk, &server("c", &[(300, 16_383)]), 0);
        assert!(walk.is_over());
    }

    #[test]
    fn a_slot_that_moves_is_walked_again() {
        let mut walk = Walk::default();
        visit(&mut walk, &server("a", &[(0, 16_383)]), 7);
        // Slot 5 moves away and back: its changes may not have been listed.
        visit(&mut walk, &server("a", &[(0, 4), (6, 16_383)]), 9);
        visit(&mut walk, &server("a", &[(0, 16_383)]), 0);
        assert_eq!(walk.slot(), Some(5));
    }

    #[test]
    fn a_server_that_receives_a_slot_is_walked_again_once() {
        let [first, second] = [server("a", &[(0, 99)]), server("b", &[(100, 16_383)])];
        // Each sends the other one a slot.
        let first = Server { leaving: vec![(50, second.slots.clone())], ..first };
        let second = Server { leaving: vec![(150, first.slots.clone())], ..second };
        let mut walk = Walk::default();
        visit(&mut walk, &first, 0);
        assert_eq!(walk.slot(), Some(100));
        visit(&mut walk, &second, 0);
        assert_eq!(walk.slot(), Some(0));
        assert_eq!(Walk::decode(&walk.encode()), walk);
        visit(&mut walk, &first, 0);
        assert!(walk.is_over());
    }

    #[test]
    fn slots_are_taken_out_of_others() {
        let all = Slots::all();
        let some = Slots::of(vec![(0, 4), (10, 10), (16_000, SLOTS - 1)]);
        let rest = all.difference(&some);
        assert_eq!(rest, Slots::of(vec![(5, 9), (11, 15_999)]));
        assert_eq!(rest.union(&some), all);
        assert_eq!(rest.difference(&some), rest);
        assert_eq!(some.difference(&all), Slots::default());
    }

    #[test]
    fn a_restarted_server_is_walked_anew() {
        let mut walk = Walk::default();
        visit(&mut walk, &server("a", &[(0, 16_383)]), 7);
        assert_eq!(walk.stay_at(&server("a2", &[(0, 16_383)])).position, 0);
    }

    #[test]
    fn a_walk_is_decoded_from_any_bytes() {
        let mut walk = Walk::default();
        visit(&mut walk, &server("b", &[(3, 9)]), 0);
        assert_eq!(Walk::decode(&walk.encode()), walk);
        visit(&mut walk, &server("a", &[(0, 2), (20, 16_383)]), 1 << 60);
        let bytes = walk.encode();
        assert_eq!(Walk::decode(&bytes), walk);
        for end in 0..bytes.len() {
            Walk::decode(&bytes[..end]);
        }
        assert_eq!(Walk::decode(&[255; 40]), Walk::default());
    }
}
