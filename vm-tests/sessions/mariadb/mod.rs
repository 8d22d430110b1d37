//! MariaDB: random SQL on both versions, the way back, and a comparison by `mariadb-dump`.

mod ahead;
mod delta;
mod dump;
pub mod feed;
mod generate;
pub mod keys;
mod named;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use backout::change::event::Outcome;
use backout::journal::{HaltKind, OpenQuestion};

use crate::process::{owned, run_words, stop_unit};
use crate::way::{Change, Host};
use crate::world::{self, await_success, run};
use dump::Difference;
use named::Named;

const SOCKET: &str = "/run/mysqld/mysqld.sock";
const DATADIR: &str = "/srv/data/mysql";
const LOG: &str = "/srv/data/mysql/mysql-bin";

/// What the playbook's requirements ask for, and little memory.
const SETTINGS: &str = "\
[mariadbd]
datadir = /srv/data/mysql
socket = /run/mysqld/mysqld.sock
skip-networking
character-set-server = utf8mb4
collation-server = utf8mb4_general_ci
log_bin = /srv/data/mysql/mysql-bin
binlog_format = ROW
gtid_strict_mode = 1
sync_binlog = 1
server_id = 1
expire_logs_days = 0
loose-character-set-collations =
innodb_buffer_pool_size = 32M
innodb_log_file_size = 8M
aria_pagecache_buffer_size = 8M
key_buffer_size = 8M
performance_schema = OFF
event_scheduler = ON
";

/// The client of the installed version.
fn client(options: &[&str]) -> Command {
    let mut command = Command::new("mariadb");
    command.args(LOGIN).arg(format!("--socket={SOCKET}")).args(options);
    command
}

/// How every client logs in. The option file has root's password, if it has one.
const LOGIN: [&str; 3] = ["--defaults-file=/srv/etc/root.cnf", "--skip-ssl", "--user=root"];
const OPTION_FILE: &str = "/srv/etc/root.cnf";

/// A host that is not as Debian makes it.
#[derive(Default)]
struct Unlike {
    /// More settings of the server.
    settings: String,
    /// Values of the playbook's variables.
    values: Vec<(&'static str, String)>,
    /// Root's password.
    password: String,
}

/// The server without clients listens on its own socket only.
fn closed() -> Result<()> {
    let open = world::listening("mariadbd", "/run/backout-mariadb/mariadbd.sock")?;
    if !open.is_empty() {
        bail!("it is open to clients:\n{}", open.join("\n"));
    }
    Ok(())
}

fn service(verb: &str, unlike: &Unlike) -> Vec<String> {
    let suffix = unlike.values.iter().find(|(name, _)| *name == "group_suffix");
    let suffix = suffix.map_or("", |(_, value)| value.as_str());
    let suffix = format!("--defaults-group-suffix={suffix}");
    let words: &[&str] = match verb {
        "start" => &[
            "systemd-run",
            "--unit=mariadb",
            "--property=RuntimeDirectory=mysqld",
            "/usr/sbin/mariadbd",
            &suffix,
        ],
        _ => &["systemctl", "stop", "mariadb.service"],
    };
    owned(words)
}

fn start(unlike: &Unlike) -> Result<()> {
    run_words(&service("start", unlike))?;
    let ping = || run(&mut client(&["--execute=SELECT 1"]), b"").is_ok();
    await_success("mariadbd", Duration::from_secs(60), ping)
        .with_context(|| fs::read_to_string("/srv/log/mariadb").unwrap_or_default())
}

fn stop() -> Result<()> {
    stop_unit("mariadb.service")
}

/// One connection: what it sends is in the character set that it names.
struct Connection {
    charset: &'static str,
    text: Vec<u8>,
}

/// Sends everything. What the server refuses is no fault here: clients err, too.
fn talk(connections: &[Connection], said: &mut String) -> Result<()> {
    for connection in connections {
        let charset = format!("--default-character-set={}", connection.charset);
        let options =
            ["--force", "--comments", "--binary-mode", "--max-allowed-packet=1G", &charset];
        let (_, _, errors) = world::attempt(&mut client(&options), &connection.text)?;
        writeln!(said, "-- a client of {}\n{errors}", connection.charset)?;
    }
    Ok(())
}

/// A session that somebody wrote, in the file of this name in `cases/`.
///
/// Lines `-- client CHARSET` begin a client, `-- upgrade` stands between the versions. `-- setting
/// LINE` is one more of the server's, `-- value NAME VALUE` one of the playbook's variables, and
/// `-- password WORD` root's in the option file.
pub fn case(text: &str) -> Result<String> {
    let mut halves: Vec<Vec<Connection>> = vec![Vec::new()];
    let mut unlike = Unlike::default();
    for line in text.split_inclusive('\n') {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["--", "setting", ..] => {
                unlike.settings.push_str(line.trim_start_matches("-- setting "));
            }
            ["--", "value", name, value] => {
                let names = ["binlog", "binlog_dir", "innodb_log_dir", "group_suffix"];
                let name = names.into_iter().find(|known| *known == name).context("a variable")?;
                unlike.values.push((name, value.into()));
            }
            ["--", "password", word] => word.clone_into(&mut unlike.password),
            ["--", "upgrade"] => halves.push(Vec::new()),
            ["--", "client", charset] => {
                let charset = ["latin1", "utf8mb4", "cp1250"].iter().find(|it| **it == charset);
                let charset = *charset.context("no such character set")?;
                halves.last_mut().context("a half")?.push(Connection { charset, text: Vec::new() });
            }
            _ => {
                let half = halves.last_mut().context("a half")?;
                if half.is_empty() {
                    half.push(Connection { charset: "utf8mb4", text: Vec::new() });
                }
                let client = half.last_mut().context("a client")?;
                client.text.extend(generate::encoded(line, client.charset));
            }
        }
    }
    let [before, after] = <[Vec<Connection>; 2]>::try_from(halves)
        .map_err(|_| anyhow::anyhow!("`-- upgrade` must stand in it, once"))?;
    play(&before, &after, &text.matches(';').count().to_string(), &unlike, true)
}

/// See [`crate::Session`].
pub fn session(seed: u64, without: &[u64]) -> Result<String> {
    let mut generator = generate::Generator::new(seed, without);
    let (before, after) = (generator.before(), generator.after());
    let statements = generator.statements().to_string();
    // Most of them as a downgrade is by default.
    play(&before, &after, &statements, &Unlike::default(), !seed.is_multiple_of(4))
}

fn play(
    before: &[Connection],
    after: &[Connection],
    statements: &str,
    unlike: &Unlike,
    delta: bool,
) -> Result<String> {
    let begin = Instant::now();
    fs::write("/srv/etc/mysql/my.cnf", format!("{SETTINGS}{}", unlike.settings))?;
    fs::write(OPTION_FILE, format!("[client]\npassword={}\n", unlike.password))?;
    world::copy_content(&Path::new(world::OLD_ROOT).join("var/lib/mysql"), Path::new(DATADIR))?;
    let mut said = String::new();

    fs::create_dir_all("/srv/logs/binary")?;
    if unlike.settings.contains("innodb_log_group_home_dir") {
        fs::create_dir_all("/srv/logs/redo")?;
        let log = Path::new(DATADIR).join("ib_logfile0");
        fs::copy(&log, "/srv/logs/redo/ib_logfile0")?;
        fs::remove_file(log)?;
    }
    start(unlike)?;
    fs::write("/srv/log/before.sql", joined(before))?;
    talk(before, &mut said)?;
    events_run(before);
    let host = Host {
        start: service("start", unlike),
        stop: service("stop", unlike),
        upgrade: None,
        values: [
            ("datadir", DATADIR),
            ("socket", SOCKET),
            ("release", "trixie"),
            ("defaults_file", OPTION_FILE),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into_iter()
        .chain(unlike.values.iter().cloned())
        .collect(),
    };
    let mut change = Change::open("mariadb", &host)?;
    change.closed = closed;
    let rows_before = delta::rows()?;
    change.upgrade()?;
    // As the package does after the start of a new version.
    let mut upgrade = Command::new("mariadb-upgrade");
    upgrade.args(LOGIN).arg("--silent");
    run(upgrade.arg(format!("--socket={SOCKET}")), b"")?;
    fs::write("/srv/log/after.sql", joined(after))?;
    // Where the log is elsewhere, it has another name.
    let marked = match Path::new(LOG).with_extension("index").exists() {
        true => {
            Some((ahead::mark(SOCKET, LOG, &ahead::nobody(SOCKET)?)?, ahead::list(SOCKET, false)?))
        }
        false => None,
    };
    talk(after, &mut said)?;
    events_run(after);
    fs::write("/srv/log/said", &said)?;
    // What a server has in memory of privileges may differ from its tables, which last.
    let flush = "--execute=FLUSH LOCAL PRIVILEGES";
    run(&mut client(&[flush]), b"")?;
    let upgraded = dump::restarted(dump::take(SOCKET)?);
    let rows_after = delta::rows()?;
    let anew = match &marked {
        Some((mark, before)) => ahead::look(SOCKET, LOG, mark, before)?,
        None => "its log has another name".into(),
    };
    let mut named = Vec::new();
    let mut outcome = change.downgrade(delta)?;
    let counts =
        format!("{statements} statements, {} of them refused", said.matches("ERROR ").count());
    loop {
        let (kind, why) = match outcome {
            Outcome::Finished => break,
            Outcome::Halted { kind, why, .. } => (kind, why),
            other => bail!("{other:?} ({counts})"),
        };
        let answer = match kind {
            HaltKind::Rejects => OpenQuestion::Rejects,
            HaltKind::Differences | HaltKind::Repairable => OpenQuestion::Differences,
            _ => bail!("{why} ({counts})"),
        };
        named.push(why);
        if named.len() > 4 {
            bail!("it comes to no end: {}", named.join("\n"));
        }
        outcome = change.resume(Some(answer))?;
    }
    // Those that ran on the new version must not run again.
    events_run(after);
    let restored = dump::take(SOCKET)?;
    let damaged = dump::damaged(SOCKET)?;
    stop()?;
    let compared = delta::look(&change, &rows_before, &rows_after)?;
    let seconds = begin.elapsed().as_secs();
    if !damaged.is_empty() {
        bail!("damaged ({counts}):\n{}", damaged.join("\n"));
    }
    let difference = Difference::between(&upgraded, &restored);
    if named.is_empty() {
        if !difference.is_empty() {
            bail!("silently different ({counts}):\n{difference}");
        }
        return Ok(format!("equal; {counts}; {compared}; {anew}; {seconds} s"));
    }
    let rejects = fs::read_to_string(change.layout().folder().join("rejects")).unwrap_or_default();
    let named = named.join("\n");
    let mut known = Named::read(&rejects)
        .with_context(|| format!("named ({counts}):\n{named}\n{rejects}\n{difference}"))?;
    // One within a table that is carried whole is named by the proof alone.
    let difference = difference.but_rows_with(generate::TOO_LATE);
    if known.is_empty() && !difference.is_empty() {
        bail!("named, and not known to be so ({counts}):\n{named}\n{difference}");
    }
    known.follow(&String::from_utf8_lossy(&joined(after)))?;
    let others = difference.but(|about| known.has(about));
    if !others.is_empty() {
        bail!("different beyond what is named ({counts}):\n{named}\n{rejects}\n{others}");
    }
    let count = rejects.lines().count();
    Ok(format!("equal but for {count} named transactions; {counts}, {seconds} s"))
}

/// Waits until one-time events that were due soon have run.
fn events_run(clients: &[Connection]) {
    const SOON: &[u8] = b"INTERVAL 1 SECOND";
    if clients.iter().any(|it| it.text.windows(SOON.len()).any(|part| part == SOON)) {
        std::thread::sleep(Duration::from_millis(2200));
    }
}

fn joined(connections: &[Connection]) -> Vec<u8> {
    let mut all = Vec::new();
    for connection in connections {
        all.extend_from_slice(format!("-- a client of {}\n", connection.charset).as_bytes());
        all.extend_from_slice(&connection.text);
    }
    all
}
