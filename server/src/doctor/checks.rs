//! What is looked at.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, time::Duration};

use rustix::process::{Resource, getrlimit};
use vestibule_store::{Clock, Inspection, Location, Look, ServerUrl, clock};

use super::{Finding, size::size};
use crate::{
    config::{Config, KeyPlace, Settings},
    startup::{Files, Startup},
};

/// With less free space than this the disk is soon full.
const LITTLE_SPACE: u64 = 1 << 30;

/// A write that takes longer than this is slow: every answer waits for one.
const SLOW_WRITE: Duration = Duration::from_millis(50);

/// A write that is faster than any disk's: something only says that it is durable.
const NO_DISK: Duration = Duration::from_micros(20);

/// With fewer descriptors than this, few clients can connect.
const FEW_DESCRIPTORS: u64 = 4096;

/// How far the time may be behind the last time in the database, in microseconds.
const TOLERANCE_US: i64 = 120_000_000;

/// The mode bits of the data folder that let others in.
const OTHERS: u32 = 0o077;

/// All checks, in the order of a start.
pub(super) fn all(settings: &Settings) -> Vec<Finding> {
    let config = &settings.config;
    let mut findings = Vec::new();
    findings
        .extend(settings.warnings.iter().map(|warning| Finding::doubtful("settings", warning.to_string())));
    if findings.is_empty() {
        let changed = settings.differences().len();
        findings.push(Finding::good("settings", format!("{changed} differ from their defaults")));
    }
    let Startup { files, warnings } = Startup::read(config);
    match &files {
        Ok(files) => findings.extend(of_files(config, files)),
        Err(unusable) => {
            findings.extend(unusable.iter().map(|unusable| Finding::bad("files", unusable.to_string())));
        }
    }
    findings.extend(warnings.into_iter().map(|warning| Finding::doubtful("files", warning)));
    findings.push(data_folder(config));
    let is_in_use = match config.database() {
        Location::File(path) => {
            let looked = Inspection::of(&path);
            findings.extend(database(&looked));
            findings.extend(disk(&looked));
            findings.push(time(&looked));
            looked.is_in_use
        }
        Location::Server { url, .. } => {
            findings.extend(on_server(config, &url));
            false
        }
    };
    findings.push(descriptors());
    findings.push(listener(config, is_in_use));
    findings
}

#[cfg(feature = "postgres")]
fn on_server(config: &Config, url: &ServerUrl) -> Vec<Finding> {
    super::server::all(url, config.database.durability)
}

#[cfg(not(feature = "postgres"))]
fn on_server(_: &Config, url: &ServerUrl) -> Vec<Finding> {
    vec![Finding::bad("database", format!("{url}: this program was built without PostgreSQL"))]
}

/// The files that a start reads.
fn of_files(config: &Config, files: &Files) -> Vec<Finding> {
    let mut findings = Vec::new();
    let secrets = if files.secrets.is_some() { "they can be used" } else { "the first start creates them" };
    findings.push(Finding::good("secrets", secrets));
    findings.push(match &files.tokens {
        Some(tokens) => Finding::good("operators' tokens", format!("{} tokens", tokens.count())),
        None => Finding::doubtful(
            "operators' tokens",
            "none: there are no metrics and no administration (--admin-tokens)",
        ),
    });
    findings.push(match &files.certificate {
        Some(certificate) => {
            let until = certificate.until().unwrap_or_else(|| "a time that cannot be read".to_owned());
            Finding::good("certificate", format!("valid until {until}"))
        }
        None => Finding::good("certificate", "none: TLS is a proxy's business"),
    });
    findings.extend(match config.login.keys() {
        None => None,
        Some(KeyPlace::Address(address)) => {
            Some(Finding::good("logins", format!("keys are fetched from {address}")))
        }
        Some(KeyPlace::File(path)) => {
            let count = files.login_keys.as_ref().map_or(0, |keys| keys.count());
            Some(Finding::good("logins", format!("{count} keys in {}", path.display())))
        }
    });
    let address = config.listen.ip();
    findings.extend(files.name_warning(config, address).map(|warning| Finding::doubtful("name", warning)));
    findings
}

fn data_folder(config: &Config) -> Finding {
    let folder = config.data.display();
    match fs::metadata(&config.data) {
        Err(_) => Finding::good("data folder", format!("{folder}: the first start creates it")),
        Ok(found) if found.permissions().mode() & OTHERS != 0 => {
            let mode = found.permissions().mode() & 0o7777;
            Finding::doubtful(
                "data folder",
                format!("{folder}: others can see what is in it (mode {mode:04o}): chmod 700 it"),
            )
        }
        Ok(_) => Finding::good("data folder", format!("{folder}: only its owner can see what is in it")),
    }
}

fn database(looked: &Inspection) -> Vec<Finding> {
    let used = if looked.is_in_use { "a server uses it" } else { "no server uses it" };
    let size = size(looked.bytes);
    let finding = match &looked.database {
        None => Finding::good("database", "the first start creates it"),
        Some(Err(error)) => Finding::bad("database", error.to_string()),
        Some(Ok(Look { migrations: 0, .. })) => Finding::good("database", format!("{size}, {used}")),
        Some(Ok(Look { migrations, .. })) => Finding::doubtful(
            "database",
            format!(
                "{size}, {used}; the next start brings it to this version ({migrations} migrations), after which older \
                 versions refuse it: make a backup first"
            ),
        ),
    };
    vec![finding]
}

fn disk(looked: &Inspection) -> Vec<Finding> {
    let free = match looked.free_bytes {
        None => Finding::doubtful("free space", "the system does not tell"),
        Some(_) if looked.is_full() => {
            Finding::bad("free space", "the disk is full: nothing new is accepted")
        }
        Some(free) if free < LITTLE_SPACE.max(looked.bytes) => {
            Finding::doubtful("free space", format!("only {}", size(free)))
        }
        Some(free) => Finding::good("free space", size(free)),
    };
    let write = match &looked.durable_write {
        // The folder is not there yet, or the check of files has said why it cannot be written.
        Err(_) => return vec![free],
        Ok(time) if *time > SLOW_WRITE => {
            Finding::doubtful("durable write", format!("{time:.1?}: every answer waits for one"))
        }
        Ok(time) if *time < NO_DISK => Finding::doubtful(
            "durable write",
            format!("{time:.1?}: no disk is that fast, so a power failure may lose what was answered ok"),
        ),
        Ok(time) => Finding::good("durable write", format!("{time:.1?}")),
    };
    vec![free, write]
}

fn time(looked: &Inspection) -> Finding {
    let seq = looked.database.as_ref().and_then(|database| database.as_ref().ok()).map_or(0, |look| look.seq);
    let behind = seq.saturating_sub(Clock::default().now_us().0);
    if behind > TOLERANCE_US {
        let behind = humantime::format_duration(Duration::from_secs(behind.unsigned_abs() / 1_000_000));
        return Finding::bad("clock", format!("{behind} behind the last time in the database"));
    }
    if clock::is_synchronised() {
        return Finding::good("clock", "systemd-timesyncd has set it");
    }
    Finding::good("clock", "not before the last time in the database; systemd-timesyncd has not set it")
}

fn descriptors() -> Finding {
    let most = getrlimit(Resource::Nofile).maximum;
    match most {
        Some(most) if most < FEW_DESCRIPTORS => {
            Finding::doubtful("descriptors", format!("at most {most}, of which each client needs one"))
        }
        Some(most) => Finding::good("descriptors", format!("at most {most}")),
        None => Finding::good("descriptors", "without a limit"),
    }
}

fn listener(config: &Config, is_in_use: bool) -> Finding {
    let address = config.listen;
    match TcpListener::bind(address) {
        Ok(_) => Finding::good("listener", format!("{address} is free")),
        Err(_) if is_in_use => Finding::good("listener", format!("{address} is in use, as is the database")),
        Err(error) => Finding::bad("listener", format!("{address}: {error}")),
    }
}
