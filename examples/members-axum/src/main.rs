//! Starts the application: `cargo run -p members-axum`.

mod temporary;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use members_axum::oauth::OAuth;
use members_axum::{App, Options, Settings, chain, connect, router, sessions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

#[tokio::main]
async fn main() -> ExitCode {
    start_log();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(&mut io::stderr(), &format!("members-axum: {}", chain(&*error)));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(options) = Options::parse(std::env::args_os().skip(1))? else {
        print(&mut io::stdout(), Options::HELP);
        return Ok(());
    };
    // Kept until the end of the program: the database stops when it is dropped.
    let temporary = if options.database.is_none() { Some(temporary::start()?) } else { None };
    let url = options.database.clone().or_else(|| temporary.as_ref().map(|server| server.url()));
    let (database, store) =
        connect(&url.unwrap_or_default()).await.map_err(|error| format!("cannot open the database: {error}"))?;

    let listener = TcpListener::bind(options.address)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}; choose another port with --port", options.address))?;
    let address = listener.local_addr()?;
    let mut settings = Settings::default();
    settings.oauth = options.registration(address)?.map(OAuth::new).transpose()?;
    settings.proxies = options.proxies.clone();
    let app = App::new(database, settings)?;
    let sessions = sessions(store).secure(!options.insecure_http).build()?;

    // Before anybody reads that the program is ready, and stops it.
    let stop = stop_signal()?;
    print(&mut io::stdout(), &format!("listening on http://{address}"));
    let service = router(app, sessions).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await?;
    Ok(())
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

/// Catches Ctrl-C and SIGTERM, which service managers send, and returns a future that waits for
/// either.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}
