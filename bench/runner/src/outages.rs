//! The effect on visitors of a killed Redis, or a silent network.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use test_servers::{Options as Redis, Proxy};

use crate::page::{Connection, Jar};
use crate::server::Server;
use crate::subjects::{Subject, Subjects};
use crate::table::Table;
use crate::{Options, Outcome};

/// Number of visitors, who each send one request after the other.
const VISITORS: usize = 8;
/// Time before, between and after the outages.
const CALM: Duration = Duration::from_secs(1);
const OUTAGE: Duration = Duration::from_secs(5);
/// Time for a library to notice that there is no connection.
const FIRST: Duration = Duration::from_secs(1);
/// Time between two requests of a visitor.
const PAUSE: Duration = Duration::from_millis(2);

const COLUMNS: [&str; 7] = [
    "connections fall silent: longest request",
    "failed",
    "Redis is gone: longest request",
    "back after",
    "network is silent: longest request",
    "of those, begun after 1 s",
    "back after",
];

pub(crate) fn run(options: &Options) -> Outcome<String> {
    let is_measured = |subject: &Subject| subject.store() == "redis" && !subject.is_router_layer();
    let subjects = Subjects::build(options, is_measured)?;
    let mut table = Table::new("milliseconds", &COLUMNS);
    for subject in subjects.with_sessions().filter(|subject| is_measured(subject)) {
        let cells = measure(&subjects, subject).map_err(|error| format!("{}: {error}", subject.name))?;
        println!("{} {}", subject.name, cells.each_ref().map(|cell| cell.as_deref().unwrap_or("-")).join(" "));
        table.row(&subject.name, cells);
    }
    Ok(format!(
        "{table}\n{VISITORS} visitors ask for `/read`, each on a connection of its own and {} ms after the last answer, of a server that reaches \
         Redis through a proxy. First the proxy drops all bytes of the connections that are open, while new ones work. Then Redis is killed for \
         {} s and restarted, and at last the proxy drops all bytes on every connection for as long. *Back after* is the time from the end of the \
         outage, or from the moment when the restarted Redis answers others, to the first answer from the store. A figure is \
         missing where nothing was answered within {} s of the end, or no request began in that time.\n",
        PAUSE.as_millis(),
        OUTAGE.as_secs(),
        OUTAGE.as_secs(),
    ))
}

fn measure(subjects: &Subjects, subject: &Subject) -> Outcome<[Option<String>; COLUMNS.len()]> {
    let mut redis = Redis::new().durable().start();
    let proxy = Proxy::to(redis.port());
    let server = Server::start_with(subjects, subject, None, &[("BENCH_REDIS", &proxy.url())])?;
    let jar = server.sign_in(subject)?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let visitors: Vec<_> =
            (0..VISITORS).map(|_| scope.spawn(|| visit_until(&is_over, server.port, &jar))).collect();
        thread::sleep(CALM);
        let silence = Span::during(|| {
            proxy.silence();
            thread::sleep(OUTAGE);
        });
        thread::sleep(CALM);
        let death = Span::during(|| {
            redis.kill();
            thread::sleep(OUTAGE);
        });
        let restart = Span::during(|| redis.restart());
        thread::sleep(OUTAGE);
        let swallowing = Span::during(|| {
            proxy.swallow();
            thread::sleep(OUTAGE);
            proxy.heal();
        });
        thread::sleep(OUTAGE);
        is_over.store(true, Ordering::Relaxed);
        let visits = visitors.into_iter().map(|visitor| visitor.join().map_err(|_| "a visitor has ended"));
        let visits = Visits(visits.collect::<Result<Vec<_>, _>>()?.concat());
        Ok([
            visits.longest(&silence, Duration::ZERO),
            Some(visits.failed(&silence).to_string()),
            visits.longest(&death, FIRST),
            visits.first_success(&restart),
            visits.longest(&swallowing, Duration::ZERO),
            visits.longest(&swallowing, FIRST),
            visits.first_success(&swallowing),
        ])
    })
}

/// The begin and end of an event.
struct Span {
    begin: Instant,
    end: Instant,
}

impl Span {
    fn during(happen: impl FnOnce()) -> Self {
        let begin = Instant::now();
        happen();
        Self { begin, end: Instant::now() }
    }
}

/// One request.
#[derive(Clone)]
struct Visit {
    begin: Instant,
    took: Duration,
    succeeded: bool,
}

struct Visits(Vec<Visit>);

impl Visits {
    /// Returns the longest of the requests that began in a span, at least `after` its begin.
    fn longest(&self, span: &Span, after: Duration) -> Option<String> {
        let begun = self.0.iter().filter(|visit| visit.begin >= span.begin + after && visit.begin < span.end);
        Some(millis(begun.map(|visit| visit.took).max()?))
    }

    fn failed(&self, span: &Span) -> usize {
        self.0.iter().filter(|visit| visit.begin >= span.begin && visit.begin < span.end && !visit.succeeded).count()
    }

    /// Returns the time from the end of a span to the first success.
    fn first_success(&self, span: &Span) -> Option<String> {
        let ends = self.0.iter().filter(|visit| visit.succeeded).map(|visit| visit.begin + visit.took);
        Some(millis(ends.filter(|end| *end >= span.end).min()? - span.end))
    }
}

fn millis(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e3)
}

/// Sends requests one after the other.
fn visit_until(is_over: &AtomicBool, port: u16, jar: &Jar) -> Vec<Visit> {
    let mut visits = Vec::new();
    let mut connection = None;
    while !is_over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let open = connection.take().map_or_else(|| Connection::open(port), Ok);
        let succeeded = open.and_then(|mut open| {
            let page = open.get("/read", jar)?;
            connection = Some(open);
            Ok(page.status == 200 && page.text.starts_with("ann"))
        });
        visits.push(Visit { begin, took: begin.elapsed(), succeeded: succeeded.unwrap_or(false) });
        thread::sleep(PAUSE);
    }
    visits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_what_began_in_it() {
        let begin = Instant::now();
        let visit = |at, took, succeeded| Visit {
            begin: begin + Duration::from_millis(at),
            took: Duration::from_millis(took),
            succeeded,
        };
        let span = Span { begin: begin + Duration::from_millis(100), end: begin + Duration::from_millis(900) };
        let visits =
            Visits(vec![visit(0, 999, false), visit(150, 200, false), visit(500, 50, true), visit(890, 40, true)]);
        assert_eq!(visits.longest(&span, Duration::ZERO).as_deref(), Some("200"));
        assert_eq!(visits.longest(&span, Duration::from_millis(400)).as_deref(), Some("50"));
        assert_eq!(visits.failed(&span), 1);
        assert_eq!(visits.first_success(&span).as_deref(), Some("30"));
        assert_eq!(visits.first_success(&Span { end: begin + Duration::from_secs(2), ..span }), None);
    }
}
