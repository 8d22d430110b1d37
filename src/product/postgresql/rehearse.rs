//! The definitions of a newer server, tried out in an empty older one: what it has no words for is
//! known before anything is stopped.

use std::fs;
use std::path::Path;

use super::capture::{read, write};
use super::client::{Client, USAGE, program_of, run};
use super::failed;
use super::restore::{How, load};
use crate::host::files::{private_dir, write_atomic};
use crate::product::stream::{HelperError, Streams};

/// `postgresql-rehearse SERVER OLDER-BIN`: prints what the older version would reject. Runs as the
/// account of the server, and leaves nothing behind.
pub(in crate::product) fn rehearse(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (client, rest) = Client::parse(arguments)?;
    let [bin] = rest else {
        return Err(HelperError::usage(&format!("postgresql-rehearse {USAGE} OLDER-BIN")));
    };
    let client = client.quietly()?;
    // Below /tmp and /var/tmp, programs like systemd-tmpfiles may clean up.
    let work = tempfile::Builder::new()
        .prefix("backout-rehearsal-")
        .tempdir_in(std::env::var_os("TMPDIR").unwrap_or_else(|| "/var/tmp".into()))
        .map_err(|error| failed("cannot make a temporary folder", error))?;
    let (data, dump) = (work.path().join("data"), work.path().join("dump"));
    private_dir(&dump).map_err(|error| failed("cannot make a folder", error))?;
    let preload = client.query("template1", "SHOW shared_preload_libraries")?;
    let bin = Path::new(bin);
    let mut initdb = program_of(bin, "initdb");
    initdb.arg("--pgdata").arg(&data).args(["--auth=trust", "--no-sync", "--no-instructions"]);
    initdb.args(["--encoding=UTF8", "--locale=C", "--username", client.user()]);
    run("initdb", &mut initdb)?;
    let settings = format!(
        "listen_addresses = ''\nunix_socket_directories = '{}'\nport = 5432\nfsync = off\n\
         shared_preload_libraries = '{}'\nautovacuum = off\n",
        work.path().display(),
        preload.trim().replace('\'', "''")
    );
    write_atomic(&data.join("postgresql.auto.conf"), settings.as_bytes())
        .map_err(|error| failed("cannot write settings", error))?;
    let control = |verb: &str| {
        let mut control = program_of(bin, "pg_ctl");
        control.arg("--pgdata").arg(&data).args(["--silent", "--wait", "--timeout=120", verb]);
        control.arg("--log").arg(work.path().join("log"));
        control
    };
    write(&client, &dump, true, &mut |_| Ok(None))?;
    let mut start = control("start");
    start.stdin(std::process::Stdio::null());
    started(&mut start, &work.path().join("log"))?;
    let older = client.elsewhere(&work.path().display().to_string());
    let files: Result<Vec<String>, _> = fs::read_dir(&dump)
        .map_err(|error| failed("cannot read the dump", error))?
        .map(|entry| entry.map(|entry| entry.path().display().to_string()))
        .collect();
    let files = files.map_err(|error| failed("cannot read the dump", error))?;
    let refused = read(&files).and_then(|(globals, databases)| {
        load(&older, How { jobs: 1, rehearsal: true }, &globals, &databases)
    });
    let stopped = run("pg_ctl stop", control("stop").arg("--mode=immediate"));
    let refused = refused?;
    stopped?;
    if !refused.faults.is_empty() {
        return Err(HelperError::Failed(refused.faults.join("; ")));
    }
    for item in &refused.items {
        writeln!(streams.output, "{item}").map_err(HelperError::Output)?;
    }
    Ok(())
}

/// Starts the server. It keeps the streams that it gets, so it gets none of ours.
fn started(start: &mut std::process::Command, log: &Path) -> Result<(), HelperError> {
    let null = std::process::Stdio::null;
    let status = start
        .stdout(null())
        .stderr(null())
        .status()
        .map_err(|error| failed("cannot start pg_ctl", error))?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read_to_string(log).unwrap_or_default();
    let last = said.lines().rev().find(|line| line.contains("FATAL")).unwrap_or_default();
    Err(HelperError::Failed(format!("an empty server of the older version does not start: {last}")))
}
