//! The feed of a standby: clients write all the time and keep what was acknowledged, and the
//! upgraded server, the standby, the feed and its client are killed at random instants. Then the
//! switch, as the clients see it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{DATADIR, LOGIN, OPTION_FILE, SETTINGS, SOCKET, Unlike, client, dump};
use crate::world::{self, await_success, of_old, run};

const STANDBY: &str = "/srv/standby";
const PRIVATE: &str = "/run/standby.sock";
const NOTES: &str = "/srv/notes";
const CLIENTS: u64 = 3;
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

/// One that was started here. It is ended with its end.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
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
    words.extend(LOGIN.map(str::to_owned));
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

fn helper(name: &str, words: &[&str], client: bool) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["helper", name]).args(words);
    if client {
        command.args(feeder());
    }
    Ok(command)
}

const LOG: &str = "/srv/data/mysql/mysql-bin";

fn start_feed() -> Result<Process> {
    let log = fs::File::options().create(true).append(true).open("/srv/log/feed")?;
    let mut command = helper("mariadb-feed", &[NOTES, LOG], true)?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    Ok(Process(command.spawn().context("the feed")?))
}

fn ask(socket: &str, sql: &str) -> Result<String> {
    let mut client = of_old("mariadb");
    client.args(LOGIN).args(["--batch", "--skip-column-names", &format!("--socket={socket}")]);
    let said = run(client.arg(format!("--execute={sql}")), b"")?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// What a client knows of its transactions.
#[derive(Default)]
struct Ledger {
    /// Whether each was acknowledged.
    sent: Vec<bool>,
    /// The longest time between two acknowledgements, of late.
    gap: Duration,
}

type Ledgers = Arc<Mutex<BTreeMap<u64, Ledger>>>;

/// Writes until it is told to stop, one transaction after the other, whoever serves.
fn writes(id: u64, ledgers: &Ledgers, stop: &AtomicBool, seed: u64) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(seed ^ (id << 32));
    let (mut n, mut last) = (0_u64, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let mut client = of_old("mariadb");
        client.args(LOGIN).args(["--batch", "--skip-column-names", "--unbuffered"]);
        client.args(["--skip-reconnect", "--binary-mode", &format!("--socket={SOCKET}"), "shop"]);
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = client.spawn()?;
        let mut input = child.stdin.take().context("a pipe")?;
        let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        while !stop.load(Ordering::Relaxed) {
            let text = transaction(id, n, &mut random);
            if let Some(ledger) = ledgers.lock().unwrap().get_mut(&id) {
                ledger.sent.push(false);
            }
            let number = n;
            n += 1;
            if input.write_all(text.as_bytes()).is_err() {
                break;
            }
            let word = format!("done {number}");
            let done = lines.by_ref().map_while(Result::ok).any(|line| line == word);
            if !done {
                break;
            }
            if let Some(ledger) = ledgers.lock().unwrap().get_mut(&id) {
                ledger.gap = ledger.gap.max(last.elapsed());
                ledger.sent[usize::try_from(number)?] = true;
            }
            last = Instant::now();
        }
        drop(input);
        let _ = child.wait();
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
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

struct Writers {
    stop: Arc<AtomicBool>,
    ledgers: Ledgers,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Writers {
    fn start(seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ledgers: Ledgers = Arc::default();
        let mut threads = Vec::new();
        for id in 0..CLIENTS {
            ledgers.lock().unwrap().insert(id, Ledger::default());
            let (stop, ledgers) = (stop.clone(), ledgers.clone());
            threads.push(std::thread::spawn(move || writes(id, &ledgers, &stop, seed)));
        }
        Self { stop, ledgers, threads }
    }

    fn acknowledged(&self) -> usize {
        let ledgers = self.ledgers.lock().unwrap();
        ledgers.values().map(|it| it.sent.iter().filter(|done| **done).count()).sum()
    }

    /// The longest gap since the last time that this was asked.
    fn gap(&self) -> Duration {
        let mut ledgers = self.ledgers.lock().unwrap();
        ledgers.values_mut().map(|it| std::mem::take(&mut it.gap)).max().unwrap_or_default()
    }

    fn stop(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        Ok(())
    }

    /// What a server has against what the clients know: nothing that was acknowledged is missing,
    /// nothing is there twice, and nothing that was never sent.
    fn check(&self, socket: &str) -> Result<usize> {
        let ledgers = self.ledgers.lock().unwrap();
        let mut wrong = Vec::new();
        for table in ["ledger", "bare"] {
            let mut found: BTreeMap<(u64, usize), usize> = BTreeMap::new();
            for line in ask(socket, &format!("SELECT c, n FROM shop.{table}"))?.lines() {
                let (c, n) = line.split_once('\t').context("a row")?;
                *found.entry((c.parse()?, n.parse()?)).or_default() += 1;
            }
            for ((c, n), count) in &found {
                let known = ledgers.get(c).and_then(|it| it.sent.get(*n));
                if *count > 1 || known.is_none() {
                    wrong.push(format!("{table}: ({c}, {n}) is there {count} times"));
                }
            }
            for (c, ledger) in ledgers.iter() {
                for (n, _) in ledger.sent.iter().enumerate().filter(|(_, done)| **done) {
                    if !found.contains_key(&(*c, n)) {
                        wrong.push(format!("{table}: ({c}, {n}) is missing"));
                    }
                }
            }
        }
        if wrong.is_empty() {
            return Ok(ledgers
                .values()
                .map(|it| it.sent.iter().filter(|done| **done).count())
                .sum());
        }
        wrong.truncate(10);
        bail!("{}", wrong.join("\n"))
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        let _ = self.stop();
    }
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
    run(&mut helper("mariadb-reached", &[&position, "30"], true)?, b"").with_context(|| {
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
    let said = run(&mut helper("mariadb-feed-carry", &words, false)?, b"")?;
    Ok(String::from_utf8_lossy(&said).replace('\n', " "))
}

/// See [`crate::Session`]: kills.
pub fn session(seed: u64, _without: &[u64]) -> Result<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    prepare()?;
    let mut standby = start_standby()?;
    let mut writers = Writers::start(seed);
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
    let count = writers.check(PRIVATE)?;
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

/// The switch, as the playbook does it, and back by another one: clients write all the time.
pub fn switch(seed: u64, _without: &[u64]) -> Result<String> {
    prepare()?;
    let standby = start_standby()?;
    let mut writers = Writers::start(seed);
    let there = switch_to("old", standby, STANDBY, "/srv/data/upgraded", &mut writers)?;
    // The upgraded version is the standby now.
    fs::remove_dir_all(NOTES)?;
    let upgraded = start_beside("new", "/srv/data/upgraded")?;
    let back =
        switch_to("new", upgraded, "/srv/data/upgraded", "/srv/data/previous", &mut writers)?;
    writers.stop()?;
    let count = writers.check(SOCKET)?;
    let damaged = dump::damaged(SOCKET)?;
    if !damaged.is_empty() {
        bail!("damaged: {}", damaged.join("\n"));
    }
    super::stop()?;
    Ok(format!("{count} acknowledged, 0 missing, 0 twice; there: {there}; back: {back}"))
}

/// Feeds the server beside, lets it take over, and looks at what clients saw.
fn switch_to(
    version: &str,
    mut beside: Process,
    folder: &str,
    aside: &str,
    writers: &mut Writers,
) -> Result<String> {
    let mut feed = start_feed()?;
    std::thread::sleep(Duration::from_secs(3));
    caught_up()?;
    let before = writers.acknowledged();
    writers.gap();
    let begin = Instant::now();
    let mut times = Vec::new();
    let mut mark = |what: &str| times.push(format!("{what} {:.2}", begin.elapsed().as_secs_f64()));
    // Refuse.
    let words = [&["5", "mariadb"], LOGIN.as_slice()].concat();
    let mut hold = helper("mariadb-hold", &words, false)?;
    hold.args([&format!("--socket={SOCKET}"), "--batch", "--skip-column-names", "--unbuffered"]);
    hold.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut holder = Process(hold.spawn()?);
    let mut line = String::new();
    BufReader::new(holder.0.stdout.take().context("a pipe")?).read_line(&mut line)?;
    if line != "held\n" {
        bail!("the lock is not held: {}", ask(SOCKET, "SHOW FULL PROCESSLIST")?);
    }
    mark("held");
    caught_up()?;
    mark("drained");
    let carried = carry()?;
    mark("carried");
    let compares = Instant::now();
    let difference = dump::Difference::between(&dump::take(SOCKET)?, &dump::take(PRIVATE)?);
    if !difference.is_empty() {
        bail!("different: {difference}");
    }
    // That comparison is the test's own, and does not count.
    let own = compares.elapsed();
    mark("compared");
    // End: killed while the lock is held; what its closed logs have besides is fed, too.
    kill_pid(&fs::read_to_string("/run/mariadb.pid")?)?;
    holder.kill();
    feed.kill();
    run(&mut helper("mariadb-feed", &["--to-end", NOTES, LOG], true)?, b"")?;
    mark("rest");
    stop_standby(&mut beside)?;
    mark("stopped");
    // The exchange.
    fs::rename(DATADIR, aside)?;
    fs::rename(folder, DATADIR)?;
    fs::write("/srv/version", format!("{version}\n"))?;
    super::start(&Unlike::default())?;
    mark("open");
    std::thread::sleep(Duration::from_secs(2));
    let gap = writers.gap().saturating_sub(own);
    if writers.acknowledged() <= before {
        bail!("clients did not go on");
    }
    Ok(format!("gap {:.2} s, whole: {carried}, {}", gap.as_secs_f64(), times.join(", ")))
}

/// What ends a feed for good is said: a transaction that the previous version rejects, and a log that
/// was purged or begun anew. And a large transaction becomes a file of its own.
pub fn gone(_seed: u64, _without: &[u64]) -> Result<String> {
    prepare()?;
    let _standby = start_standby()?;
    let mut feed = start_feed()?;
    let sql = |text: &str| run(&mut client(&[]), text.as_bytes());
    sql(
        "USE shop; SET GLOBAL binlog_large_commit_threshold = 10485760; BEGIN; INSERT INTO shop.ledger \
         (c, n, v) SELECT 7, seq, REPEAT('x', 200) FROM seq_1_to_100000; COMMIT; \
         INSERT INTO shop.bare VALUES (7, 7); FLUSH BINARY LOGS; INSERT INTO shop.bare VALUES (7, 8)",
    )?;
    caught_up()?;
    let count = ask(PRIVATE, "SELECT COUNT(*) FROM shop.ledger")?;
    if count != "100000" {
        bail!("{count} rows of a large transaction");
    }
    sql("CREATE TABLE shop.new (id INT PRIMARY KEY, v VECTOR(3) NOT NULL)")?;
    let stopped = Path::new(NOTES).join("stopped");
    let watch = |begins: &str| {
        await_success("its end", Duration::from_secs(20), || stopped.exists())?;
        let words = [NOTES, "true"];
        let (_, status, said) =
            world::attempt(&mut helper("mariadb-feed-watch", &words, false)?, b"")?;
        let said = said.trim_start_matches("backout helper mariadb-feed-watch: ").to_owned();
        if status.success() || !said.starts_with(begins) {
            bail!("not what was wrong: {said}");
        }
        Ok(said.trim().to_owned())
    };
    let mut all = watch("the previous version rejects 0-1-")?;
    // A later feed does not begin.
    feed.0.wait()?;
    start_feed()?.0.wait()?;
    let again = |begins: &str| {
        fs::remove_file(&stopped)?;
        let mut feed = start_feed()?;
        let said = watch(begins)?;
        feed.0.wait()?;
        Ok::<_, anyhow::Error>(format!("\n{said}"))
    };
    sql("FLUSH BINARY LOGS; FLUSH BINARY LOGS;")?;
    let last = ask(SOCKET, "SHOW MASTER STATUS")?;
    let last = last.split_whitespace().next().context("a log")?;
    sql(&format!("PURGE BINARY LOGS TO '{last}'"))?;
    all += &again("the files of the upgraded server's log that follow ")?;
    sql("RESET MASTER")?;
    all += &again("the upgraded server began its log anew: ")?;
    super::stop()?;
    Ok(all)
}

fn stop_standby(standby: &mut Process) -> Result<()> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(standby.0.id())?);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
    standby.0.wait()?;
    Ok(())
}
