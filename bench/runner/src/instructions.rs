//! Instructions and allocations per request, without sockets.

use std::collections::HashMap;
use std::process::Command;

use crate::subjects::{Subject, Subjects, output_of};
use crate::table::{Table, grouped, signed};
use crate::valgrind::{of_one, two_at_a_time};
use crate::{Options, Outcome, compile};

pub(crate) const ROUTES: [&str; 5] = ["/plain", "/plain-no-cookie", "/login", "/read", "/write"];

/// Returns the number of requests to count. Twice as many are counted too.
fn requests(subject: &Subject) -> u64 {
    match subject.store() {
        "redb" | "fjall" => 100,
        "redis" => 400,
        _ => 1000,
    }
}

/// The cost of one request.
#[derive(Clone, Copy)]
struct Cost {
    instructions: i64,
    allocations: f64,
}

type Costs = HashMap<(String, &'static str), Cost>;

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let subjects = Subjects::build(options, |subject| {
        // These subjects fit into two minutes.
        !subject.is_on_disk() && (options.peers || !subject.is_peer)
    })?;
    let hash = secret_hash()?;
    let costs = measure(&subjects)?;
    for subject in &subjects.all {
        for route in ROUTES {
            let cost = costs[&(subject.name.clone(), route)];
            println!("{} {route} {} {}", subject.name, cost.instructions, short(cost.allocations));
        }
    }
    println!("secret-hash {hash}");
    Ok(differences(&subjects, &costs, hash))
}

/// Counts the single hash of a request with a session: valgrind lacks SHA extensions.
fn secret_hash() -> Outcome<i64> {
    let hot = compile::program("hot")?;
    let hash = of_one(1000, |times| {
        let mut command = Command::new(&hot);
        command.args(["secret-hash", &times.to_string()]);
        command
    });
    Ok(hash?.cast_signed())
}

fn measure(subjects: &Subjects) -> Outcome<Costs> {
    let routes = |subject| ROUTES.map(|route| (subject, route));
    let jobs: Vec<(&Subject, &'static str)> = subjects.all.iter().flat_map(routes).collect();
    let counted = two_at_a_time(&jobs, |(subject, route)| {
        let run = |times: u64| subjects.command(subject, &["run", &subject.name, route, &times.to_string()]);
        of_one(requests(subject), run).map_err(|error| error.to_string())
    });
    let allocations =
        two_at_a_time(&subjects.all, |subject| allocations(subjects, subject).map_err(|error| error.to_string()));
    let mut costs = Costs::new();
    for ((subject, route), instructions) in jobs.into_iter().zip(counted) {
        let cost = Cost { instructions: instructions?.cast_signed(), allocations: 0.0 };
        costs.insert((subject.name.clone(), route), cost);
    }
    for (subject, allocations) in subjects.all.iter().zip(allocations) {
        for (route, allocations) in ROUTES.into_iter().zip(allocations?) {
            costs.entry((subject.name.clone(), route)).and_modify(|cost| cost.allocations = allocations);
        }
    }
    Ok(costs)
}

/// Returns the allocations of a request to each of the routes.
fn allocations(subjects: &Subjects, subject: &Subject) -> Outcome<Vec<f64>> {
    let words = ["allocations", &*subject.name, &requests(subject).to_string()];
    let output = output_of(subjects.counting(subject, &words))?;
    let of = |route: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(route)?.strip_prefix(' '))?;
        line.split(' ').next()?.parse().ok()
    };
    let all: Option<Vec<f64>> = ROUTES.into_iter().map(of).collect();
    all.ok_or_else(|| format!("cannot read the allocations of {}: {output}", subject.name).into())
}

/// Returns a table of what sessions add to a request.
fn differences(subjects: &Subjects, costs: &Costs, hash: i64) -> String {
    let mut instructions = Table::new("added instructions", &ROUTES);
    let mut allocations = Table::new("added allocations", &ROUTES);
    for subject in &subjects.all {
        let Some(bare) = subject.bare() else { continue };
        let added = ROUTES.map(|route| {
            let with = costs.get(&(subject.name.clone(), route))?;
            let without = costs.get(&(bare.to_owned(), route))?;
            let hashes = subject.is_ours() && matches!(route, "/login" | "/read" | "/write");
            Some(Cost {
                instructions: with.instructions - without.instructions - if hashes { hash } else { 0 },
                allocations: with.allocations - without.allocations,
            })
        });
        instructions.row(&subject.name, added.map(|cost| cost.map(|cost| grouped(cost.instructions))));
        allocations.row(&subject.name, added.map(|cost| cost.map(|cost| signed(&short(cost.allocations)))));
    }
    format!(
        "{instructions}\nCompared with the same framework without sessions. The layers of axum and tower wrap the whole router, where they \
         cost least; `sessions-axum-router-layer` is ours in `Router::layer`, which boxes every route once more. Our figures exclude the \
         one hash of the secret (`secret-hash`, {hash}), which takes 0.1 µs on a processor with SHA extensions.\n\n{allocations}"
    )
}

/// Formats a number with one decimal, if it has any.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
