//! Racing requests on one session.

use sessions_store::{Changes, Limits, Refusal, SecretHash};

use crate::fixtures::{MILLISECOND, NEW_SECRET, answered, changes, draft, entries, flashes, fresh_id, start, value};
use crate::subject::Subject;

/// Checks that racing writes of different keys all survive.
pub async fn writes_of_different_keys_all_survive(subject: &Subject) {
    let now = start();
    for _ in 0..3 {
        let id = subject.begin(now).await;
        let race = subject.race(16, move |subject, number| async move {
            for round in 0..8 {
                let (key, text) = (format!("key {number} {round}"), format!("{number}:{round}"));
                subject.apply(id, &changes(now).set(&key, text.as_bytes()).set_flash(&key, text.as_bytes())).await;
            }
        });
        race.await;
        let found = subject.find(id, now).await;
        assert_eq!((entries(&found).len(), flashes(&found).len()), (128, 128));
        for (number, round) in (0..16).flat_map(|number| (0..8).map(move |round| (number, round))) {
            let (key, text) = (format!("key {number} {round}"), format!("{number}:{round}"));
            assert_eq!(value(&found, &key), text.as_bytes());
            assert_eq!(found.flash(&key), Some(text.as_bytes()));
        }
        assert_eq!(found.version(), 128);
    }
}

/// Checks that no increment is lost or counted twice.
pub async fn increments_are_exact(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    let race = subject.race(64, move |subject, number| async move {
        let by = if number % 2 == 0 { 3 } else { -2 };
        for _ in 0..25 {
            subject.apply(id, &changes(now).increment("sum", by).increment("count", 1)).await;
        }
    });
    race.await;
    let found = subject.find(id, now).await;
    assert_eq!(entries(&found), [("count", &b"1600"[..], false), ("sum", b"800", false)]);
    assert_eq!(found.version(), 1600);
}

/// Checks that commits that each stay within a limit cannot exceed it together.
pub async fn limits_hold_among_racing_commits(subject: &Subject) {
    let now = start();
    let limits = Limits::new(4096, 20);
    for value_bytes in [1, 600] {
        let id = subject.begin(now).await;
        let answers = subject
            .race(16, move |subject, number| async move {
                let mut applied = 0;
                for round in 0..4 {
                    let changes = changes(now).limited_to(limits);
                    let changes = changes.set(&format!("key {number} {round}"), &vec![b'1'; value_bytes]);
                    match subject.commit(id, &changes).await {
                        Ok(()) => applied += 1,
                        answer => assert_eq!(answer, Err(Refusal::TooLarge)),
                    }
                }
                applied
            })
            .await;
        let found = subject.find(id, now).await;
        assert_eq!(entries(&found).len(), answers.into_iter().sum::<usize>());
        assert!(entries(&found).len() <= limits.keys() && found.as_bytes().len() <= limits.bytes());
        let is_full = entries(&found).len() == limits.keys() || found.as_bytes().len() + 620 > limits.bytes();
        assert!(is_full, "{found:?}");
    }
}

/// Checks that one of several racing writes of a key wins, completely.
pub async fn the_last_write_of_a_key_wins_whole(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    let race = subject.race(16, move |subject, number| async move {
        let text = number.to_string().repeat(100 * (number + 1));
        for _ in 0..8 {
            subject.apply(id, &changes(now).set("one", text.as_bytes()).set("two", text.as_bytes())).await;
            let found = subject.find(id, now).await;
            assert_eq!(value(&found, "one"), value(&found, "two"), "half of a commit was applied");
        }
    });
    race.await;
    let found = subject.find(id, now).await;
    let last = value(&found, "one");
    assert!((0..16).any(|number: usize| number.to_string().repeat(100 * (number + 1)).as_bytes() == last));
}

/// Checks that one of several racing removals of a value that they require succeeds, while others
/// write.
pub async fn racing_removals_of_a_required_value_have_one_winner(subject: &Subject) {
    let now = start();
    for _ in 0..10 {
        let id = subject.put(draft(fresh_id(), now).entry("code", b"secret")).await.id();
        let answers = subject
            .race(16, move |subject, number| async move {
                if number >= 12 {
                    subject.apply(id, &changes(now).increment("noise", 1)).await;
                    return None;
                }
                Some(subject.commit(id, &changes(now).require("code", Some(b"secret")).remove("code")).await)
            })
            .await;
        let answers: Vec<_> = answers.into_iter().flatten().collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(Refusal::Conflict)).count(), 11);
        let found = subject.find(id, now).await;
        assert_eq!(entries(&found), [("noise", &b"4"[..], false)]);
    }
}

/// Checks that a loop of read, require and set counts exactly.
pub async fn a_requirement_admits_one_racing_commit(subject: &Subject) {
    let now = start();
    let id = subject.put(draft(fresh_id(), now).entry("count", b"0")).await.id();
    let race = subject.race(8, move |subject, _| async move {
        for _ in 0..5 {
            let mut answer = Err(Refusal::Conflict);
            // Each conflict is another racer's success, so a correct store needs no more tries.
            for _ in 0..=40 {
                let found = subject.find(id, now).await;
                let old = value(&found, "count");
                let count: u32 = std::str::from_utf8(old).expect("a number").parse().expect("a number");
                let next = (count + 1).to_string();
                let changes = changes(now).require("count", Some(old)).set("count", next.as_bytes());
                answer = subject.commit(id, &changes).await;
                if answer != Err(Refusal::Conflict) {
                    break;
                }
            }
            assert_eq!(answer, Ok(()));
        }
    });
    race.await;
    let found = subject.find(id, now).await;
    assert_eq!((value(&found, "count"), found.version()), (&b"40"[..], 40));
}

/// Checks that one of several commits that require absence sets the entry.
pub async fn a_required_absence_admits_one_racing_commit(subject: &Subject) {
    let now = start();
    for _ in 0..5 {
        let id = subject.begin(now).await;
        let answers = subject
            .race(12, move |subject, number| async move {
                let mine = number.to_string();
                subject.commit(id, &changes(now).require("winner", None).set("winner", mine.as_bytes())).await
            })
            .await;
        let winners: Vec<_> = (0..12).filter(|number| answers[*number] == Ok(())).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == Err(Refusal::Conflict)).count(), 11);
        assert_eq!(value(&subject.find(id, now).await, "winner"), winners[0].to_string().as_bytes());
    }
}

/// Checks that one of several racing renewals replaces the secret.
///
/// The others find the session gone.
pub async fn racing_renewals_have_one_winner(subject: &Subject) {
    let now = start();
    for _ in 0..5 {
        let id = subject.begin(now).await;
        let answers = subject
            .race(12, move |subject, number| async move {
                let secret = SecretHash::from_bytes([number as u8; 32]);
                subject.commit(id, &changes(now).renew(secret).bind(number.to_string())).await
            })
            .await;
        let winners: Vec<_> = (0..12).filter(|number| answers[*number] == Ok(())).collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == Err(Refusal::Gone)).count(), 11);
        let found = subject.find(id, now).await;
        assert_eq!(found.secret_hash(), SecretHash::from_bytes([winners[0] as u8; 32]));
        assert_eq!(found.principal(), Some(&*winners[0].to_string()));
        assert_eq!(found.version(), 1);
    }
}

/// Checks that a write with an old secret is either before the renewal or refused.
pub async fn an_old_secret_writes_nothing_after_a_renewal(subject: &Subject) {
    let now = start();
    for _ in 0..5 {
        let id = subject.begin(now).await;
        let applied = subject
            .race(8, move |subject, number| async move {
                if number == 0 {
                    subject.apply(id, &changes(now).renew(NEW_SECRET).set("renewed", b"1")).await;
                    return 0;
                }
                let late = changes(now).increment("count", 1).require("renewed", None);
                // Bounded, so that a store which fails the renewal fails the case.
                for applied in 0..100_000 {
                    if subject.commit(id, &late).await != Ok(()) {
                        return applied;
                    }
                }
                panic!("no renewal was applied");
            })
            .await;
        let found = subject.find(id, now).await;
        let count = found.entry("count").map_or(&b"0"[..], |entry| entry.value());
        assert_eq!(count, applied.into_iter().sum::<u32>().to_string().as_bytes());
        subject.apply(id, &Changes::new(now, NEW_SECRET)).await;
    }
}

/// Checks that each racing commit returns a record with its own changes, after those before it.
pub async fn racing_commits_return_what_they_wrote(subject: &Subject) {
    let now = start();
    let first = subject.put(draft(fresh_id(), now)).await;
    let race = subject.race(8, move |subject, number| {
        let mut base = first.clone();
        async move {
            let key = number.to_string();
            for round in 1..=8 {
                let text = round.to_string();
                let changes = changes(now).set(&key, text.as_bytes()).increment("count", 1);
                let new = answered(subject.store().commit(&base, &changes).await).expect("nobody ends the session");
                assert_eq!(value(&new, &key), text.as_bytes());
                assert_eq!(value(&new, "count"), new.version().to_string().as_bytes());
                assert!(new.version() > base.version());
                base = new;
            }
            base.version()
        }
    });
    assert_eq!(race.await.into_iter().max(), Some(64), "one of them wrote the last record");
}

/// Checks that racing requests with different clocks leave the latest time.
pub async fn racing_clocks_leave_the_latest_time(subject: &Subject) {
    let now = start();
    let id = subject.begin(now).await;
    let time = move |number: usize, round: u32| now.after(MILLISECOND * (round * 8 + number as u32));
    let race = subject.race(8, move |subject, number| async move {
        for round in (0..8).rev() {
            subject.apply(id, &changes(time(number, round))).await;
            assert!(subject.find(id, now).await.last_seen() >= time(number, 7));
        }
    });
    race.await;
    assert_eq!(subject.find(id, now).await.last_seen(), time(7, 7));
}

/// Checks that writes of different sessions do not mix.
pub async fn writes_of_different_sessions_do_not_mix(subject: &Subject) {
    let now = start();
    let race = subject.race(16, move |subject, number| async move {
        let mine = number.to_string();
        let id = subject.begin_of(&mine, now).await;
        for _ in 0..8 {
            subject.apply(id, &changes(now).set("mine", mine.as_bytes()).increment("count", 1)).await;
        }
        (id, mine)
    });
    for (id, mine) in race.await {
        let found = subject.find(id, now).await;
        assert_eq!(entries(&found), [("count", &b"8"[..], false), ("mine", mine.as_bytes(), false)]);
        assert_eq!(subject.ids_of(&mine, now).await, [id]);
    }
}
