//! PostgreSQL: random SQL on both versions, pg_upgrade, the way back, and a comparison by
//! `pg_dumpall`.

mod ahead;
mod begin;
mod dump;
pub mod feed;
mod generate;
mod keys;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::outcome::{News, equal, finished, past_rejects};
use crate::process::{owned, run_words, stop_unit};
use crate::way::{Change, Host};
use crate::world::{attempt, await_success, run};

const SOCKET: &str = "/run/postgresql";
const DATA: &str = "/srv/data";

/// Little memory, and nothing that waits for a disk.
const SETTINGS: &str = "\
unix_socket_directories = '/run/postgresql'
listen_addresses = ''
shared_buffers = 32MB
fsync = off
full_page_writes = off
max_wal_size = 256MB
timezone = 'Asia/Kathmandu'
datestyle = 'German'
intervalstyle = 'iso_8601'
bytea_output = 'escape'
extra_float_digits = 0
default_text_search_config = 'pg_catalog.german'
";

/// A command of a version that asks the server.
pub(super) fn client(version: &str, program: &str, database: &str) -> Command {
    client_at(SOCKET, version, program, database)
}

/// The same, of the server with this socket.
fn client_at(socket: &str, version: &str, program: &str, database: &str) -> Command {
    let mut command = Command::new(format!("/srv/lib/{version}/bin/{program}"));
    command.env("PGHOST", socket).env("PGUSER", "postgres");
    // The dump must not depend on what the settings say.
    if !database.is_empty() {
        command.env("PGDATABASE", database);
    }
    command
}

/// Before the host of a session is entered: its folders.
pub fn prepare(work: &Path) -> Result<()> {
    // The server is not root, and goes through them.
    for folder in ["", "data", "tmp", "log", "lib", "etc"] {
        fs::set_permissions(work.join(folder), fs::Permissions::from_mode(0o755))?;
    }
    for version in ["15", "17"] {
        let folder = work.join("etc/postgresql").join(version).join("main");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("postgresql.conf"), SETTINGS)?;
    }
    Ok(())
}

fn service(verb: &str) -> Vec<String> {
    let start = [
        "/srv/bin/backout-of-this-test",
        "helper",
        "postgresql-with",
        DATA,
        "main",
        "/run/open.hba",
        "systemd-run",
        "--unit=postgresql",
        "--property=RuntimeDirectory=postgresql",
        "/srv/lib/%v/bin/postgres",
        "-D",
        "/srv/data/%v/main",
        "-c",
        "config_file=/etc/postgresql/%v/main/postgresql.conf",
        "-c",
        "hba_file=/run/open.hba",
    ];
    let words: &[&str] =
        if verb == "start" { &start } else { &["systemctl", "stop", "postgresql.service"] };
    owned(words)
}

fn start() -> Result<()> {
    run_words(&service("start"))?;
    ready()
}

fn ready() -> Result<()> {
    await_success("postgres", Duration::from_secs(60), || answers(SOCKET))
        .with_context(|| fs::read_to_string("/srv/log/postgresql").unwrap_or_default())
}

fn answers(socket: &str) -> bool {
    let mut ask = client_at(socket, "17", "psql", "template1");
    run(ask.args(["-c", "SELECT 1"]), b"").is_ok()
}

/// Makes an empty cluster of the previous version.
fn initialize() -> Result<()> {
    std::os::unix::fs::symlink(std::env::current_exe()?, "/srv/bin/backout-of-this-test")?;
    let owner = run(Command::new("chroot").args(["/mnt/old", "id", "-u", "postgres"]), b"")?;
    let owner = format!("{0}:{0}", String::from_utf8(owner)?.trim());
    fs::create_dir_all("/srv/data/15")?;
    run(Command::new("chown").args([&owner, "/srv/data", "/srv/data/15"]), b"")?;
    let mut initdb = Command::new("/srv/lib/15/bin/initdb");
    initdb.env("RUNAS", &owner).args(["--pgdata=/srv/data/15/main", "--username=postgres"]);
    initdb.args(["--no-sync", "--locale=C.UTF-8", "--encoding=UTF8", "--auth=trust"]);
    run(&mut initdb, b"").map(drop)
}

/// Sends everything. What the server refuses is no fault here: clients err, too.
fn talk(batches: &[generate::Batch], said: &mut String) -> Result<()> {
    for batch in batches {
        let mut psql = client("17", "psql", batch.database);
        psql.args(["--no-psqlrc", "--quiet", "--file=-"]);
        let (_, _, errors) = attempt(&mut psql, batch.text.as_bytes())?;
        writeln!(said, "-- in {}\n{errors}", batch.database)?;
    }
    Ok(())
}

/// See [`crate::Session`].
pub fn session(seed: u64, without: &[u64]) -> Result<String> {
    let begin = Instant::now();
    let mut generator = generate::Generator::new(seed, without);
    initialize()?;
    start()?;
    let mut said = String::new();
    let (before, after) = (generator.before(), generator.after());
    let text = |batches: &[generate::Batch]| -> String {
        batches.iter().map(|it| format!("\\connect {}\n{}", it.database, it.text)).collect()
    };
    fs::write("/srv/log/before.sql", text(&before))?;
    fs::write("/srv/log/after.sql", text(&after))?;
    talk(&before, &mut said)?;
    let host = Host {
        start: service("start"),
        stop: service("stop"),
        upgrade: Some(vec!["postgresql-upgrade".into(), DATA.into()]),
        values: vec![
            ("datadir", DATA.into()),
            ("socket_dir", SOCKET.into()),
            ("lib_dir", "/srv/lib".into()),
            ("release", "trixie".into()),
        ],
    };
    let change = Change::open("postgresql", &host)?;
    change
        .upgrade()
        .with_context(|| fs::read_to_string("/srv/log/pg_upgrade").unwrap_or_default())?;
    ready()?;
    talk(&after, &mut said)?;
    fs::write("/srv/log/said", &said)?;
    let upgraded = dump::take(SOCKET)?;
    let news = News {
        used: generator.random.has_news(),
        rejected: "rejected: ",
        word: "new17",
        strange: |line| {
            line.starts_with("  ")
                && line.contains(" in ")
                && line.contains(": ")
                && !line.contains("new17")
        },
    };
    let outcome = change.downgrade(false)?;
    let counts = format!(
        "{} statements, {} of them refused, {} lines",
        generator.random.made(),
        said.matches("ERROR:").count(),
        upgraded.len()
    );
    let (outcome, named) = past_rejects(&change, outcome, &news)?;
    finished(&change, &outcome, &counts)?;
    ready()?;
    let restored = dump::take(SOCKET)?;
    let damaged = dump::damaged()?;
    stop_unit("postgresql.service")?;
    ensure!(damaged.is_empty(), "damaged ({counts}): {damaged}");
    let counts = format!("{counts}, {named} rejected, {} s", begin.elapsed().as_secs());
    equal(dump::difference(&upgraded, &restored), &counts)
}
