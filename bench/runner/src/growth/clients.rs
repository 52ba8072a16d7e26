//! More clients, over sockets.

use crate::page::Jar;
use crate::plot::{Line, Plot, Scale};
use crate::server::Server;
use crate::spread::Spread;
use crate::subjects::Subjects;
use crate::table::Table;
use crate::{Options, Outcome, wrk};

const CLIENTS: [usize; 5] = [1, 4, 16, 64, 256];
const ROUTES: [&str; 2] = ["/read", "/write"];
const ROUNDS: usize = 3;

const SERVERS_CORE: u32 = 0;
const CLIENTS_CORE: u32 = 1;

type Ratios = [[Spread; CLIENTS.len()]; ROUTES.len()];

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let (_, both) = Options::parse(["--only", "axum-bare,sessions-axum"].into_iter().map(str::to_owned))?;
    let subjects = Subjects::build(&both, |_| false)?;
    let mut ratios = Ratios::default();
    for round in 0..rounds {
        measure(&subjects, round % 2 == 0, &mut ratios)?;
    }
    let mut table = Table::new("clients", &ROUTES);
    for (place, clients) in CLIENTS.into_iter().enumerate() {
        let cells = ratios.each_ref().map(|route| route[place].show(|ratio| format!("{ratio:.2}")));
        table.row(&clients.to_string(), cells);
    }
    Ok(format!(
        "{table}\nRequests per second of axum with sessions in memory, as a share of those of axum alone in the turn beside it: the median of \
         {rounds} rounds of a second, the least and the most. Server and clients have a core each.\n\n{}",
        plot(&ratios).write("clients")?
    ))
}

fn measure(subjects: &Subjects, bare_first: bool, ratios: &mut Ratios) -> Outcome {
    let mut servers = Vec::new();
    for subject in &subjects.all {
        let server = Server::start(subjects, subject, Some(SERVERS_CORE))?;
        let signed_in = server.sign_in(subject)?;
        let is_bare = subject.bare().is_none();
        // The parser has as much to do.
        let jar = if is_bare { Jar::without_session() } else { signed_in };
        servers.push((is_bare, server, jar));
    }
    servers.sort_by_key(|(is_bare, ..)| *is_bare != bare_first);
    for (route, ratios) in ROUTES.into_iter().zip(ratios) {
        for (clients, ratio) in CLIENTS.into_iter().zip(ratios) {
            let (mut with, mut without) = (0.0, 0.0);
            for (is_bare, server, jar) in &servers {
                let load = wrk::ask_over(clients, CLIENTS_CORE, server.port, route, jar)?;
                *(if *is_bare { &mut without } else { &mut with }) = load.per_second;
            }
            println!("{route} {clients} {with:.0} {without:.0}");
            ratio.push(with / without);
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
