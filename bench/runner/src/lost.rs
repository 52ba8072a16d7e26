//! Lost updates of one visitor's parallel requests.

use std::sync::mpsc;
use std::thread;

use crate::page::{Connection, Jar, Page};
use crate::server::Server;
use crate::subjects::{Subject, Subjects};
use crate::table::Table;
use crate::{Options, Outcome};

const ROUNDS: usize = 200;
const PARALLEL: usize = 8;

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let subjects = Subjects::build(options, |subject| !subject.is_router_layer())?;
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let all = rounds * PARALLEL;
    let mut table = Table::new("", &[&format!("survived of {all}")]);
    for subject in subjects.with_sessions() {
        let survived = survivors(&subjects, subject, rounds)?;
        println!("{} {survived}", subject.name);
        table.row(&subject.name, [Some(survived.to_string())]);
    }
    Ok(format!(
        "{table}\nIn each of {rounds} rounds, {PARALLEL} concurrent requests carry the cookies of one new session, each over its own \
         connection. Each request reads the session, waits for 2 ms and sets a key of its own. Then the keys that survived are counted.\n"
    ))
}

fn survivors(subjects: &Subjects, subject: &Subject, rounds: usize) -> Outcome<usize> {
    let server = Server::start(subjects, subject, None)?;
    let connections = (0..PARALLEL).map(|_| Connection::open(server.port));
    let mut connections = connections.collect::<Outcome<Vec<_>>>()?;
    let mut survivors = 0;
    for _ in 0..rounds {
        survivors += round(&mut connections).map_err(|error| format!("{}: {error}", subject.name))?;
    }
    Ok(survivors)
}

fn round(connections: &mut [Connection]) -> Outcome<usize> {
    let mut jar = Jar::default();
    jar.take(&succeed(connections[0].get("/login", &jar))?);
    let sent = jar.clone();
    let pages = thread::scope(|scope| {
        let (done, pages) = mpsc::channel();
        for (place, connection) in connections.iter_mut().enumerate() {
            let (done, sent) = (done.clone(), &sent);
            scope.spawn(move || {
                let page = connection.get(&format!("/set?k=K{place}"), sent);
                // The receiver lives until all have sent.
                let _ = done.send(page.map_err(|error| error.to_string()));
            });
        }
        drop(done);
        // In the order of arrival, as a browser stores the cookies.
        pages.into_iter().collect::<Vec<_>>()
    });
    for page in pages {
        jar.take(&succeed(page.map_err(Into::into))?);
    }
    let there = succeed(connections[0].get("/keys", &jar))?;
    Ok(there.text.split(',').filter(|key| key.starts_with('K')).count())
}

fn succeed(page: Outcome<Page>) -> Outcome<Page> {
    let page = page?;
    if page.status == 200 { Ok(page) } else { Err(format!("{} {}", page.status, page.text).into()) }
}
