//! The checks of a history.

use std::collections::{BTreeMap, BTreeSet};

use super::register::{Register, is_linearizable};
use super::{Act, COUNTER, Event, OWNER, Told};

pub(super) fn violations(events: &[Event]) -> Vec<String> {
    let mut found = violations_despite_losses(events);
    for (session, events) in by_session(events) {
        check_losses(session, &events, &mut found);
        check_registers(session, &events, &mut found);
        check_counter(session, &events, &mut found);
        check_flashes(session, &events, &mut found);
    }
    found
}

pub(super) fn violations_despite_losses(events: &[Event]) -> Vec<String> {
    let mut found = Vec::new();
    for (session, events) in by_session(events) {
        check_faults(session, &events, &mut found);
        check_sign_outs(session, &events, &mut found);
        check_owners(session, &events, &mut found);
    }
    found
}

fn by_session(events: &[Event]) -> BTreeMap<usize, Vec<&Event>> {
    let mut sessions: BTreeMap<usize, Vec<&Event>> = BTreeMap::new();
    for event in events {
        sessions.entry(event.session).or_default().push(event);
    }
    sessions
}

fn check_faults(session: usize, events: &[&Event], found: &mut Vec<String>) {
    for event in events {
        if let Told::Fault(why) = &event.told {
            found.push(format!("session {session}: {:?} was answered by {why}", event.act));
        }
    }
}

/// Returns whether an answer shows that the session was live while the request was carried out.
fn shows_life(event: &Event) -> bool {
    match event.told {
        Told::Entries(_) => true,
        Told::Done => event.act != Act::SignOut,
        Told::Flash(ref value) => value.is_some(),
        _ => false,
    }
}

fn check_sign_outs(session: usize, events: &[&Event], found: &mut Vec<String>) {
    let is_acknowledged = |event: &&&Event| event.act == Act::SignOut && event.told == Told::Done;
    let Some(over) = events.iter().filter(is_acknowledged).map(|event| event.ended).min() else { return };
    for event in events.iter().filter(|event| event.begun > over && shows_life(event)) {
        found.push(format!("session {session}: {:?} after the sign-out gave {:?}", event.act, event.told));
    }
}

fn check_losses(session: usize, events: &[&Event], found: &mut Vec<String>) {
    let sign_outs = events.iter().filter(|event| event.act == Act::SignOut);
    let first = sign_outs.map(|event| event.begun).min().unwrap_or(u64::MAX);
    for event in events.iter().filter(|event| event.told == Told::Ended && event.ended < first) {
        found.push(format!("session {session}: {:?} found no session before the sign-out", event.act));
    }
}

fn check_owners(session: usize, events: &[&Event], found: &mut Vec<String>) {
    let own = format!("{session}:");
    for event in events {
        let (entries, flash) = match &event.told {
            Told::Entries(entries) => (Some(entries), None),
            Told::Flash(flash) => (None, flash.as_ref()),
            _ => continue,
        };
        let values = entries.into_iter().flatten().filter(|(key, _)| *key != COUNTER).map(|(_, value)| value);
        for value in values.chain(flash).filter(|value| !value.starts_with(&own)) {
            found.push(format!("session {session} shows {value:?}"));
        }
    }
}

fn check_registers(session: usize, events: &[&Event], found: &mut Vec<String>) {
    let keys: BTreeSet<&String> = events
        .iter()
        .filter_map(|event| match &event.act {
            Act::Put { key, .. } => Some(key),
            _ => None,
        })
        .collect();
    for key in keys {
        let mut register = Register::default();
        for event in events {
            match (&event.act, &event.told) {
                (Act::Put { key: other, value }, Told::Done) if other == key => {
                    register.write(value, event.begun, event.ended);
                }
                (Act::Put { key: other, value }, Told::Unknown) if other == key => {
                    register.write(value, event.begun, u64::MAX);
                }
                (Act::Read, Told::Entries(entries)) => register.read(entries.get(key), event.begun, event.ended),
                _ => {}
            }
        }
        if let Err(why) = is_linearizable(&register) {
            found.push(format!("session {session}: {key} is not linearizable: {why}"));
        }
    }
}

fn check_counter(session: usize, events: &[&Event], found: &mut Vec<String>) {
    let adds = || events.iter().filter(|event| event.act == Act::Increment);
    let mut counts = Vec::new();
    for event in events {
        let Told::Entries(entries) = &event.told else { continue };
        let count = entries.get(COUNTER).map_or(Ok(0), |text| text.parse::<usize>());
        let Ok(count) = count else {
            found.push(format!("session {session}: the counter is {:?}", entries.get(COUNTER)));
            continue;
        };
        let least = adds().filter(|add| add.told == Told::Done && add.ended < event.begun).count();
        let most =
            adds().filter(|add| matches!(add.told, Told::Done | Told::Unknown) && add.begun < event.ended).count();
        if count < least || most < count {
            found.push(format!("session {session}: the counter is {count}, not {least} to {most}"));
        }
        counts.push((event, count));
    }
    for (event, count) in &counts {
        let earlier = counts.iter().filter(|(other, _)| other.ended < event.begun).map(|(_, count)| count).max();
        if let Some(earlier) = earlier.filter(|earlier| *earlier > count) {
            found.push(format!("session {session}: the counter is {count} after it was {earlier}"));
        }
    }
}

fn check_flashes(session: usize, events: &[&Event], found: &mut Vec<String>) {
    let mut reads: BTreeMap<&String, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if let Told::Flash(Some(value)) = &event.told {
            reads.entry(value).or_default().push(event);
        }
    }
    for (value, reads) in reads {
        let is_set = |event: &&Event| event.act == Act::SetFlash { value: value.clone() };
        if !events.iter().any(|event| is_set(event) && event.begun < reads[0].ended) {
            found.push(format!("session {session}: the flash {value:?} was read before it was set"));
        }
        // Two overlapping requests may both have loaded the flash before either removed it.
        let answered = reads.iter().map(|event| event.ended).min().unwrap_or(u64::MAX);
        if reads.iter().any(|event| event.begun > answered) {
            found.push(format!("session {session}: the flash {value:?} was read again"));
        }
    }
}

/// Returns the name that a session stores under [`OWNER`].
pub(super) fn owner(session: usize) -> String {
    format!("{session}:{OWNER}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(act: Act, begun: u64, ended: u64, told: Told) -> Event {
        Event { session: 3, act, begun, ended, told }
    }

    fn put(value: &str, begun: u64, ended: u64) -> Event {
        event(Act::Put { key: "a".into(), value: value.into() }, begun, ended, Told::Done)
    }

    fn add(begun: u64, ended: u64) -> Event {
        event(Act::Increment, begun, ended, Told::Done)
    }

    fn read(entries: &[(&str, &str)], begun: u64, ended: u64) -> Event {
        let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        event(Act::Read, begun, ended, Told::Entries(entries))
    }

    fn flash(value: &str, begun: u64, ended: u64) -> Event {
        event(Act::TakeFlash, begun, ended, Told::Flash(Some(value.into())))
    }

    fn set_flash(value: &str, begun: u64, ended: u64) -> Event {
        event(Act::SetFlash { value: value.into() }, begun, ended, Told::Done)
    }

    fn sign_out(begun: u64, ended: u64, told: Told) -> Event {
        event(Act::SignOut, begun, ended, told)
    }

    #[test]
    fn correct_histories_have_no_violations() {
        let unknown = |act| event(act, 1, 2, Told::Unknown);
        let histories: [Vec<Event>; 7] = [
            vec![],
            vec![put("3:1", 1, 2), read(&[("a", "3:1"), ("owner", "3:owner")], 3, 4)],
            vec![put("3:1", 1, 9), read(&[], 3, 4), read(&[("a", "3:1")], 5, 6)],
            vec![
                unknown(Act::Put { key: "a".into(), value: "3:1".into() }),
                read(&[], 3, 4),
                read(&[("a", "3:1")], 5, 6),
            ],
            vec![add(1, 2), unknown(Act::Increment), read(&[("count", "1")], 3, 4), read(&[("count", "2")], 5, 6)],
            vec![set_flash("3:f", 1, 2), flash("3:f", 3, 6), flash("3:f", 4, 5)],
            vec![sign_out(5, 6, Told::Done), read(&[], 1, 9), event(Act::Read, 7, 8, Told::Ended)],
        ];
        for (number, history) in histories.iter().enumerate() {
            assert!(violations(history).is_empty(), "history {number}: {:?}", violations(history));
        }
    }

    #[test]
    fn each_kind_of_violation_is_found() {
        let histories: [(&str, Vec<Event>); 13] = [
            ("is not linearizable", vec![put("3:1", 1, 2), read(&[], 3, 4)]),
            ("is not linearizable", vec![put("3:1", 1, 2), put("3:2", 3, 4), read(&[("a", "3:1")], 5, 6)]),
            ("is not linearizable", vec![read(&[("a", "3:1")], 1, 2), put("3:1", 3, 4)]),
            ("is not linearizable", vec![put("3:1", 1, 2), read(&[("a", "3:0")], 3, 4)]),
            ("the counter is 0, not 1 to 1", vec![add(1, 2), read(&[], 3, 4)]),
            ("the counter is 2, not 1 to 1", vec![add(1, 2), read(&[("count", "2")], 3, 4)]),
            (
                "the counter is 1 after it was 2",
                vec![add(1, 9), add(1, 9), read(&[("count", "2")], 2, 3), read(&[("count", "1")], 4, 5)],
            ),
            ("was read again", vec![set_flash("3:f", 1, 2), flash("3:f", 3, 4), flash("3:f", 5, 6)]),
            ("was read before it was set", vec![flash("3:f", 1, 2), set_flash("3:f", 3, 4)]),
            ("after the sign-out", vec![sign_out(1, 2, Told::Done), read(&[], 3, 4)]),
            ("after the sign-out", vec![sign_out(1, 2, Told::Unknown), sign_out(3, 4, Told::Done), put("3:1", 5, 6)]),
            (
                "found no session before the sign-out",
                vec![event(Act::Read, 1, 2, Told::Ended), sign_out(3, 4, Told::Done)],
            ),
            ("shows \"4:1\"", vec![put("3:1", 1, 2), read(&[("a", "3:1"), ("b", "4:1")], 3, 4)]),
        ];
        for (expected, history) in histories {
            let found = violations(&history);
            assert!(found.iter().any(|violation| violation.contains(expected)), "{expected:?} in {found:?}");
        }
        let fault = event(Act::Read, 1, 2, Told::Fault("503 with a cookie".into()));
        assert_eq!(violations_despite_losses(&[fault]).len(), 1);
        assert!(violations_despite_losses(&[put("3:1", 1, 2), read(&[], 3, 4)]).is_empty());
    }
}
