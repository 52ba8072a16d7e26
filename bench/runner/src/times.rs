//! CPU time of a request, without sockets.

use std::collections::HashMap;

use crate::spread::Spread;
use crate::subjects::{Subject, Subjects, output_of};
use crate::table::{Table, grouped};
use crate::{Options, Outcome};

const ROUTES: [&str; 5] = crate::instructions::ROUTES;

/// Number of turns of each subject.
const ROUNDS: usize = 7;

/// The times of a subject in one round, for each route.
type Turn = [f64; ROUTES.len()];

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let subjects = Subjects::build(options, |subject| !subject.is_on_disk())?;
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let mut all: HashMap<&str, [Spread; ROUTES.len()]> = HashMap::new();
    for round in 1..=rounds {
        let mut turns: HashMap<&str, Turn> = HashMap::new();
        for subject in &subjects.all {
            let turn = turn(&subjects, subject)?;
            println!("round {round}: {} {}", subject.name, turn.map(|time| format!("{time:.0}")).join(" "));
            turns.insert(&subject.name, turn);
        }
        for subject in &subjects.all {
            let spreads = all.entry(&subject.name).or_default();
            for (route, spread) in spreads.iter_mut().enumerate() {
                let without = subject.bare().map_or(0.0, |bare| turns[bare][route]);
                spread.push(turns[&*subject.name][route] - without);
            }
        }
    }
    Ok(tables(&subjects, &all, rounds))
}

fn turn(subjects: &Subjects, subject: &Subject) -> Outcome<Turn> {
    let requests = match subject.store() {
        "redb" | "fjall" => "300",
        "redis" => "3000",
        _ => "20000",
    };
    let output = output_of(subjects.command(subject, &["time", &subject.name, requests]))?;
    let mut turn = Turn::default();
    for (time, route) in turn.iter_mut().zip(ROUTES) {
        let line = output.lines().find_map(|line| line.strip_prefix(route)?.strip_prefix(' '));
        *time = line.ok_or_else(|| format!("cannot read the times of {}: {output}", subject.name))?.parse()?;
    }
    Ok(turn)
}

fn tables(subjects: &Subjects, all: &HashMap<&str, [Spread; ROUTES.len()]>, rounds: usize) -> String {
    let mut bare = Table::new("nanoseconds, without sessions", &ROUTES);
    let mut added = Table::new("added nanoseconds", &ROUTES);
    for subject in &subjects.all {
        let spreads = all[&*subject.name].each_ref();
        let whole = |figure: f64| format!("{figure:.0}");
        if subject.bare().is_some() {
            let grouped = |figure: f64| grouped(figure.round() as i64);
            added.row(&subject.name, spreads.map(|spread| spread.show(grouped)));
        } else {
            bare.row(&subject.name, spreads.map(|spread| spread.show(whole)));
        }
    }
    format!(
        "{added}\nCPU time of the process, compared with the same framework without sessions in the same round: the median of {rounds} \
         rounds, with the minimum and the maximum. It includes the hash of the secret, but not the work of Redis itself.\n\n{bare}"
    )
}
