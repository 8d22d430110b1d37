//! MariaDB: random SQL on both versions, the way back, and a comparison by `mariadb-dump`.

mod dump;
mod generate;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use backout::change::event::Outcome;

use crate::way::{Change, Host};
use crate::world::{self, Version, await_success, run};

const SOCKET: &str = "/run/mysqld/mysqld.sock";
const DATADIR: &str = "/srv/data/mysql";

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
";

/// The client of the installed version.
fn client(options: &[&str]) -> Command {
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "--skip-ssl", "--user=root"]);
    command.arg(format!("--socket={SOCKET}")).args(options);
    command
}

fn service(verb: &str) -> Vec<String> {
    let words: &[&str] = match verb {
        "start" => &[
            "systemd-run",
            "--unit=mariadb",
            "--property=RuntimeDirectory=mysqld",
            "/usr/sbin/mariadbd",
        ],
        _ => &["systemctl", "stop", "mariadb.service"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn start() -> Result<()> {
    let words = service("start");
    run(Command::new(&words[0]).args(&words[1..]), b"")?;
    let ping = || run(&mut client(&["--execute=SELECT 1"]), b"").is_ok();
    await_success("mariadbd", Duration::from_secs(60), ping)
        .with_context(|| fs::read_to_string("/srv/log/mariadb").unwrap_or_default())
}

fn stop() -> Result<()> {
    run(Command::new("systemctl").args(["stop", "mariadb.service"]), b"").map(drop)
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
        let (_, failed) = world::attempt(&mut client(&options), &connection.text)?;
        if let Some(why) = failed {
            writeln!(said, "{why}")?;
        }
    }
    Ok(())
}

/// See [`crate::Session`].
pub fn session(seed: u64, without: &[u64]) -> Result<String> {
    let begin = Instant::now();
    let mut generator = generate::Generator::new(seed, without);
    fs::write("/srv/etc/mysql/my.cnf", SETTINGS)?;
    world::copy_content(&Version::Old.root().join("var/lib/mysql"), Path::new(DATADIR))?;
    let mut said = String::new();

    start()?;
    let before = generator.before();
    fs::write("/srv/log/before.sql", joined(&before))?;
    talk(&before, &mut said)?;
    let host = Host {
        start: service("start"),
        stop: service("stop"),
        values: vec![
            ("datadir", DATADIR.into()),
            ("socket", SOCKET.into()),
            ("release", "trixie".into()),
        ],
    };
    let change = Change::open("mariadb", &host)?;
    change.upgrade()?;
    // As the package does after the start of a new version.
    let mut upgrade = Command::new("mariadb-upgrade");
    upgrade.args(["--no-defaults", "--skip-ssl", "--user=root", "--silent"]);
    run(upgrade.arg(format!("--socket={SOCKET}")), b"")?;
    let after = generator.after();
    fs::write("/srv/log/after.sql", joined(&after))?;
    talk(&after, &mut said)?;
    fs::write("/srv/log/said", &said)?;
    let upgraded = dump::take(SOCKET)?;
    let outcome = change.downgrade()?;
    let counts = format!(
        "{} statements, {} of them refused, {} s",
        generator.statements(),
        said.matches("ERROR ").count(),
        begin.elapsed().as_secs()
    );
    match outcome {
        Outcome::Finished => {
            let restored = dump::take(SOCKET)?;
            stop()?;
            match dump::difference(&upgraded, &restored) {
                None => Ok(format!("equal; {counts}")),
                Some(difference) => {
                    bail!("silently different ({counts}):\n{difference}")
                }
            }
        }
        other => bail!("{other:?} ({counts})"),
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
