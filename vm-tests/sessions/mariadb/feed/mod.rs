//! The feed of a standby: clients write all the time and keep what was acknowledged, and the
//! upgraded server, the standby, the feed and its client are killed at random instants.

mod gone;
mod switch;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{DATADIR, LOG, LOGIN, OPTION_FILE, SETTINGS, SOCKET, Unlike, client, dump};
use crate::clients::{Kind, Writers, through};
use crate::process::{Process, helper, owned};
use crate::world::{self, await_success, of_old, run};
pub use gone::gone;
pub use switch::switch;

const STANDBY: &str = "/srv/standby";
const PRIVATE: &str = "/run/standby.sock";
const NOTES: &str = "/srv/notes";
/// How long clients write and things are killed.
const TIME: Duration = Duration::from_secs(15);

/// The tables of the ledger, and of all that a feed has to know.
const TABLES: &str = "
CREATE DATABASE shop; USE shop;
CREATE TABLE ledger (id BIGINT AUTO_INCREMENT PRIMARY KEY, c INT, n INT, v VARCHAR(200)) ENGINE=InnoDB;
CREATE TABLE bare (c INT, n INT) ENGINE=InnoDB;
CREATE TABLE counts (c INT PRIMARY KEY, n INT) ENGINE=InnoDB;
INSERT INTO counts VALUES (0, 0), (1, 0), (2, 0);
CREATE TABLE made (id INT PRIMARY KEY, a INT, twice INT AS (a * 2) STORED) ENGINE=InnoDB;
CREATE TABLE child (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES made (id)) ENGINE=InnoDB;
INSERT INTO made (id, a) VALUES (1, 1), (2, 2); INSERT INTO child VALUES (1);
CREATE TABLE isam (c INT, n INT) ENGINE=MyISAM;
CREATE TABLE mem (id INT) ENGINE=MEMORY;
CREATE TRIGGER made_too AFTER INSERT ON made FOR EACH ROW INSERT INTO isam VALUES (NEW.id, 2);
CREATE SEQUENCE numbers;
";

/// Those that write all the time.
const CLIENTS: Kind = Kind {
    connect: |c, random| through(writer(), transaction, c, random),
    tables: &["ledger", "bare"],
};

fn writer() -> Command {
    let mut client = of_old("mariadb");
    client.args(LOGIN).args(["--batch", "--skip-column-names", "--unbuffered"]);
    client.args(["--skip-reconnect", "--binary-mode", &format!("--socket={SOCKET}"), "shop"]);
    client
}

fn transaction(c: u64, n: u64, random: &mut fastrand::Rng) -> String {
    let text = "x".repeat(random.usize(0..200));
    let more = match random.u8(0..40) {
        0..8 => format!("UPDATE ledger SET v = REVERSE(v) WHERE c = {c} AND n = {n} - 1;"),
        8..12 => "INSERT INTO isam VALUES (NEXT VALUE FOR numbers, 1);".to_owned(),
        12..16 => format!("REPLACE INTO made (id, a) VALUES ({}, {n});", 3 + c * 10 + n % 5),
        16 => format!("CREATE OR REPLACE TABLE copy{c} AS SELECT * FROM counts;"),
        17 => format!("ALTER TABLE copy{c} ADD IF NOT EXISTS COLUMN w{} INT DEFAULT 5;", n % 7),
        18 => format!("INSERT INTO mem VALUES ({n});"),
        19 => "CREATE TEMPORARY TABLE t (a INT); DROP TEMPORARY TABLE t;".to_owned(),
        20 => format!("DELETE FROM bare WHERE c = {c} AND n < 0;"),
        _ => String::new(),
    };
    // What commits by itself stands before the transaction.
    let (alone, within) = match more.starts_with(['C', 'A']) {
        true => (more, String::new()),
        false => (String::new(), more),
    };
    format!(
        "{alone} BEGIN; INSERT INTO ledger (c, n, v) VALUES ({c}, {n}, '{text}'); INSERT INTO bare \
         VALUES ({c}, {n}); UPDATE counts SET n = n + 1 WHERE c = {c}; {within} COMMIT; \
         SELECT 'done {n}';\n"
    )
}

/// What a server has of a table of the clients.
fn numbers(socket: &str, table: &str) -> Result<String> {
    ask(socket, &format!("SELECT c, n FROM shop.{table}"))
}

/// Starts a version on a copy of the data, beside the server that clients use.
fn start_beside(version: &str, folder: &str) -> Result<Process> {
    // It finds the copy in the place of the live data, as its log's index names the files by that.
    let root = format!("/mnt/{version}");
    let bind = format!("mount --bind {root}{folder} {root}{DATADIR} && exec chroot \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &bind, "sh", &root]);
    command.args(["/usr/sbin/mariadbd", "--user=root"]);
    command.arg(format!("--datadir={DATADIR}")).arg(format!("--socket={PRIVATE}"));
    command.args(["--skip-networking", "--event-scheduler=OFF", "--skip-slave-start"]);
    command.args(["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2"]);
    command.args(["--system-versioning-alter-history=KEEP", "--max-allowed-packet=1G"]);
    command.args(["--server-id=4294967290", "--gtid-domain-id=4294967290"]);
    command.arg("--pid-file=/run/standby.pid");
    let log = fs::File::options().create(true).append(true).open("/srv/log/standby")?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let process = Process(command.spawn().context("the standby")?);
    await_success("the standby", Duration::from_secs(30), || ask(PRIVATE, "SELECT 1").is_ok())?;
    Ok(process)
}

fn start_standby() -> Result<Process> {
    start_beside("old", STANDBY)
}

/// The words of a client of the standby: that of the installed version.
fn feeder() -> Vec<String> {
    let mut words = vec!["mariadb".to_owned()];
    words.extend(owned(&LOGIN));
    words.extend(
        [
            "--default-character-set=utf8mb4",
            "--binary-mode",
            "--comments",
            "--batch",
            "--skip-column-names",
            "--unbuffered",
            "--skip-reconnect",
            "--max-allowed-packet=1G",
            "--loose-skip-print-query-on-error",
        ]
        .map(str::to_owned),
    );
    words.push(format!("--socket={PRIVATE}"));
    words
}

/// A helper that works on the standby.
fn with_feeder(name: &str, words: &[&str]) -> Result<Command> {
    let mut command = helper(name, words)?;
    command.args(feeder());
    Ok(command)
}

fn start_feed() -> Result<Process> {
    let log = fs::File::options().create(true).append(true).open("/srv/log/feed")?;
    let mut command = with_feeder("mariadb-feed", &[NOTES, LOG])?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(Process(command.spawn().context("the feed")?))
}

fn ask(socket: &str, sql: &str) -> Result<String> {
    let mut client = of_old("mariadb");
    client.args(LOGIN).args(["--batch", "--skip-column-names", &format!("--socket={socket}")]);
    let said = run(client.arg(format!("--execute={sql}")), b"")?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// The previous version's data with the tables, a copy of it for the standby, and the upgraded
/// server.
fn prepare() -> Result<()> {
    fs::write("/srv/etc/mysql/my.cnf", SETTINGS)?;
    fs::write(OPTION_FILE, "[client]\n")?;
    world::copy_content(&Path::new(world::OLD_ROOT).join("var/lib/mysql"), Path::new(DATADIR))?;
    super::start(&Unlike::default())?;
    run(&mut client(&[]), TABLES.as_bytes())?;
    super::stop()?;
    world::copy_content(Path::new(DATADIR), Path::new(STANDBY))?;
    fs::write("/srv/version", "new\n")?;
    super::start(&Unlike::default())?;
    let mut upgrade = Command::new("mariadb-upgrade");
    upgrade.args(LOGIN).arg("--silent");
    run(upgrade.arg(format!("--socket={SOCKET}")), b"").map(drop)
}

/// Kills the upgraded server, and starts it again.
fn kill_upgraded() -> Result<()> {
    kill_pid(&fs::read_to_string("/run/mariadb.pid")?)?;
    super::start(&Unlike::default())
}

fn kill_pid(pid: &str) -> Result<()> {
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse()?);
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    let begin = Instant::now();
    while Path::new(&format!("/proc/{pid}/exe")).exists() && begin.elapsed().as_secs() < 10 {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// The client of a feed.
fn client_of(feed: &Process) -> Option<String> {
    let children = format!("/proc/{0}/task/{0}/children", feed.0.id());
    let text = fs::read_to_string(children).ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

fn caught_up() -> Result<String> {
    let position = ask(SOCKET, "SELECT @@gtid_binlog_pos")?;
    run(&mut with_feeder("mariadb-reached", &[&position, "30"])?, b"").with_context(|| {
        let failing = fs::read_to_string(Path::new(NOTES).join("failing")).unwrap_or_default();
        let stopped = fs::read_to_string(Path::new(NOTES).join("stopped")).unwrap_or_default();
        format!("failing: {failing}stopped: {stopped}")
    })?;
    Ok(position)
}

/// Carries whole what has to be.
fn carry() -> Result<String> {
    let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/mariadb/whole-rows.sql");
    fs::copy(rows, "/srv/whole-rows.sql")?;
    let words = [NOTES, "/srv/whole-rows.sql", SOCKET, PRIVATE, "mariadb-dump", "mariadb"];
    let words = [words.as_slice(), LOGIN.as_slice()].concat();
    let said = run(&mut helper("mariadb-feed-carry", &words)?, b"")?;
    Ok(String::from_utf8_lossy(&said).replace('\n', " "))
}

/// See [`crate::Session`]: kills.
pub fn session(seed: u64, _without: &[u64]) -> Result<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    prepare()?;
    let mut standby = start_standby()?;
    let mut writers = Writers::start(CLIENTS, seed);
    std::thread::sleep(Duration::from_millis(random.u64(0..1000)));
    let mut feed = start_feed()?;
    let (begin, mut kills) = (Instant::now(), BTreeMap::<&str, usize>::new());
    while begin.elapsed() < TIME {
        std::thread::sleep(Duration::from_millis(random.u64(20..700)));
        let what = *random.choice(&KINDS).context("a kind")?;
        *kills.entry(what).or_default() += 1;
        match what {
            "upgraded" => kill_upgraded()?,
            "restart" => {
                super::stop()?;
                super::start(&Unlike::default())?;
            }
            "standby" => {
                standby.kill();
                standby = start_standby()?;
            }
            "client" => {
                if let Some(pid) = client_of(&feed) {
                    kill_pid(&pid)?;
                }
            }
            "feed" => {
                feed.kill();
                feed = start_feed()?;
            }
            _ => drop(ask(SOCKET, "FLUSH BINARY LOGS")),
        }
    }
    writers.stop()?;
    caught_up()?;
    let carried = carry()?;
    feed.kill();
    let count = writers.check(&|table| numbers(PRIVATE, table))?;
    let (upgraded, restored) = (dump::take(SOCKET)?, dump::take(PRIVATE)?);
    let difference = dump::Difference::between(&upgraded, &restored);
    if !difference.is_empty() {
        bail!("different: {difference}");
    }
    let damaged = dump::damaged(PRIVATE)?;
    if !damaged.is_empty() {
        bail!("damaged: {}", damaged.join("\n"));
    }
    super::stop()?;
    Ok(format!("{count} acknowledged, 0 missing, 0 twice; whole: {carried}; {kills:?}"))
}

const KINDS: [&str; 6] = ["upgraded", "restart", "standby", "client", "feed", "logs"];
