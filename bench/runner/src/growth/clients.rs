//! A growing number of clients, over sockets.

use crate::page::Jar;
use crate::plot::{Line, Plot, Scale};
use crate::server::Server;
use crate::spread::Spread;
use crate::subjects::Subjects;
use crate::table::Table;
use crate::wrk::{self, Client};
use crate::{Options, Outcome};

const CLIENTS: [usize; 5] = [1, 4, 16, 64, 256];
const ROUTES: [&str; 2] = ["/read", "/write"];
const ROUNDS: usize = 3;

/// Seconds that each server is measured per round.
const SECONDS: u64 = 1;

const SERVERS_CORE: u32 = 0;
const CLIENTS_CORE: u32 = 1;

type Ratios = [[Spread; CLIENTS.len()]; ROUTES.len()];

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let (_, both) = Options::parse(["--only", "axum-bare,sessions-axum"].into_iter().map(str::to_owned))?;
    let subjects = Subjects::build(&both, |_| false)?;
    let mut ratios = Ratios::default();
    for _ in 0..rounds {
        measure(&subjects, &mut ratios)?;
    }
    let mut table = Table::new("clients", &ROUTES);
    for (place, clients) in CLIENTS.into_iter().enumerate() {
        let cells = ratios.each_ref().map(|route| route[place].show(|ratio| format!("{ratio:.2}")));
        table.row(&clients.to_string(), cells);
    }
    Ok(format!(
        "{table}\nRequests per second of axum with sessions in memory, as a share of those of axum alone in alternating turns: the median of \
         {rounds} rounds of {SECONDS} s each, with the minimum and the maximum. Server and clients have a core each.\n\n{}",
        plot(&ratios).write("clients")?
    ))
}

fn measure(subjects: &Subjects, ratios: &mut Ratios) -> Outcome {
    let mut servers = Vec::new();
    for subject in &subjects.all {
        let server = Server::start(subjects, subject, Some(SERVERS_CORE))?;
        let signed_in = server.sign_in(subject)?;
        let is_bare = subject.bare().is_none();
        // Without sessions, the cookie is as long as with them.
        let jar = if is_bare { Jar::without_session() } else { signed_in };
        servers.push((is_bare, server, jar));
    }
    servers.sort_by_key(|(is_bare, ..)| !is_bare);
    let [(_, bare, nobodys), (_, ours, jar)] = &servers[..] else { return Err("axum is there twice".into()) };
    for (route, ratios) in ROUTES.into_iter().zip(ratios) {
        for (clients, ratio) in CLIENTS.into_iter().zip(ratios) {
            let client = |server: &Server, jar| Client::new(clients, CLIENTS_CORE, server.port, route, jar);
            let [without, with] = wrk::take_turns([client(bare, nobodys), client(ours, jar)], SECONDS)?;
            println!("{route} {clients} {:.0} {:.0}", with.per_second(), without.per_second());
            ratio.push(with.per_second() / without.per_second());
        }
    }
    Ok(())
}

fn plot(ratios: &Ratios) -> Plot<'static> {
    let line = |name, of: &[Spread; CLIENTS.len()]| {
        let points = CLIENTS.iter().zip(of).filter_map(|(clients, ratio)| Some((*clients as f64, ratio.median()?)));
        Line { name, points: points.collect() }
    };
    Plot {
        title: "Requests per second as clients grow in number",
        x: "clients",
        y: "share of axum alone",
        scale: Scale::Linear,
        ticks: CLIENTS.map(|clients| (clients as f64, clients.to_string())).to_vec(),
        lines: ROUTES.into_iter().zip(ratios).map(|(name, of)| line(name, of)).collect(),
    }
}
