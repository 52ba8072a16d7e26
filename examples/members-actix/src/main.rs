//! Starts the application: `cargo run -p members-actix`.

mod temporary;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use actix_web::HttpServer;
use actix_web::web::Data;
use members_actix::{AppState, Options, app, chain, connect, sessions};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

#[actix_web::main]
async fn main() -> ExitCode {
    start_log();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&mut io::stderr(), &format!("members-actix: {}", chain(&*error)));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(options) = Options::parse(std::env::args_os().skip(1))? else {
        print(&mut io::stdout(), Options::HELP);
        return Ok(());
    };
    // Kept until the end of the program: Redis stops when it is dropped.
    let temporary = if options.redis.is_none() { Some(temporary::start()?) } else { None };
    let url = options.redis.clone().or_else(|| temporary.as_ref().map(|server| server.url()));
    let (database, store) =
        connect(&url.unwrap_or_default()).await.map_err(|error| format!("cannot open Redis: {error}"))?;

    // Made here and not for each worker, so that all workers share them.
    let state = Data::new(AppState::new(database, options.proxies)?);
    let sessions = sessions(store).secure(!options.insecure_http).build()?;
    let address = options.address;
    let server = HttpServer::new(move || app(state.clone(), sessions.clone()))
        .bind(address)
        .map_err(|error| format!("cannot listen on {address}: {error}; choose another port with --port"))?;
    for address in server.addrs() {
        print(&mut io::stdout(), &format!("listening on http://{address}"));
    }
    // On SIGTERM and Ctrl-C, actix-web answers the requests that are under way and returns.
    Ok(server.run().await?)
}

/// Logs to stderr, at the levels in `RUST_LOG` or else at `info`.
fn start_log() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let has_colors = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(has_colors).init();
}

/// Prints a line. Ignores a closed output.
fn print(out: &mut dyn Write, line: &str) {
    let _ = writeln!(out, "{line}");
}
