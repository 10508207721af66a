//! The server's command line.

use std::{net::SocketAddr, process::ExitCode};

use clap::error::ErrorKind;
use vestibule::{admin::Listen, config::Config, serve::serve, telemetry};

#[actix_web::main]
async fn main() -> ExitCode {
    let config = match Config::read() {
        Ok(config) => config,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            error.exit()
        }
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            return fail(&format!("{line} (see vestibule --help)"), 2);
        }
    };
    if let Err(error) = telemetry::init(&config.log, config.admin.log_format) {
        return fail(&error.to_string(), 2);
    }
    let started = |address: SocketAddr, admin: Option<&Listen>| {
        let admin = admin.map(|admin| format!(", is administered at {admin}")).unwrap_or_default();
        println!("vestibule listens on http://{address}, stores in {}{admin}", config.database().display());
    };
    match serve(&config, started).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), 1),
    }
}

fn fail(line: &str, code: u8) -> ExitCode {
    eprintln!("vestibule: {line}");
    ExitCode::from(code)
}
