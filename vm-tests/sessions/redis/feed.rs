//! The same with a standby: the previous version beside the new one, fed while clients write, with
//! the feed or the server killed now and then; and the switch.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::client::{Client, Reply};
use super::{CONFIG, SOCKET, answers, dump, generate, talk};
use crate::clients::{Answer, Connection, Kind, Writers};
use crate::process::{Process, helper, stop_unit};
use crate::way::SNAPSHOT;
use crate::world::{OLD_ROOT, attempt, await_success, copy_content, of_old, run};

const STANDBY: &str = "/srv/standby";
const FEED: &str = "/srv/feed";
const STANDBY_SOCKET: &str = "/run/standby/redis.sock";
/// What `{position}` needs, and the feed.
const COMMON: &[&str] = &[
    "--state",
    FEED,
    "--socket",
    STANDBY_SOCKET,
    "--source",
    "/srv/data/append only",
    "--standby",
    "/srv/standby/append only",
    "--name",
    "log file.aof",
    "--server",
    "/usr/bin/redis-server",
    "--root",
    OLD_ROOT,
    "--config",
    CONFIG,
];

fn standby(words: &[&str]) -> Result<Command> {
    helper("redis-standby", words)
}

fn feed(verb: &str) -> Result<Command> {
    let mut command = helper("redis-feed", &[verb])?;
    command.args(COMMON);
    Ok(command)
}

fn start_feed() -> Result<Process> {
    let log = std::fs::File::options().append(true).create(true).open("/srv/log/feed")?;
    Ok(Process(feed("run")?.stdin(Stdio::null()).stderr(log).spawn()?))
}

fn start_standby() -> Result<Process> {
    let begins = [
        "start",
        "--state",
        FEED,
        "--socket",
        STANDBY_SOCKET,
        "--config",
        CONFIG,
        "--source",
        "/srv/data/append only",
        "--standby",
        "/srv/standby/append only",
        "--name",
        "log file.aof",
        "true",
    ];
    run(&mut standby(&begins)?, b"")?;
    let mut command = of_old("redis-server");
    command.args([CONFIG, "--dir", STANDBY, "--port", "0", "--unixsocket", STANDBY_SOCKET]);
    command.args(["--save", "", "--replicaof", "127.0.0.1", "1", "--logfile", "/srv/log/standby"]);
    let running = Process(command.stdin(Stdio::null()).spawn()?);
    await_success("the standby", Duration::from_secs(60), || answers(STANDBY_SOCKET))?;
    Ok(running)
}

/// A copy of the snapshot, the previous version on it, and its feed.
fn stand_by() -> Result<(Process, Process)> {
    copy_content(
        &Path::new(crate::world::DATA).join(".zfs/snapshot").join(SNAPSHOT),
        STANDBY.as_ref(),
    )?;
    std::fs::create_dir_all(FEED)?;
    std::fs::create_dir_all("/run/standby")?;
    Ok((start_standby()?, start_feed()?))
}

/// The standby has everything that there is now.
fn drained() -> Result<()> {
    let position = run(&mut feed("source")?, b"")?;
    let position = String::from_utf8_lossy(&position).trim().to_owned();
    run(feed("drain")?.arg(&position), b"").context("drain").map(drop)
}

/// Writes are refused, and the standby has everything.
fn refused() -> Result<()> {
    run(&mut standby(&["refuse", "--config", CONFIG])?, b"")?;
    drained()
}

/// The upgraded version ends, and the standby takes over.
fn take_over(feeding: Process) -> Result<()> {
    drop(feeding);
    stop_unit("redis.service")?;
    run(&mut feed("rest")?, b"").context("rest")?;
    let serve = ["serve", "--socket", STANDBY_SOCKET, "--config", CONFIG];
    run(&mut standby(&serve)?, b"").context("serve").map(drop)
}

/// Those that write all the time: each pushes its numbers to a list of its own.
const CLIENTS: Kind = Kind { connect, tables: &["written"] };

fn connect(c: u64, _random: fastrand::Rng) -> Result<Connection> {
    let Ok(mut client) = Client::connect(SOCKET) else {
        return Ok(Box::new(|_| Answer::Nothing));
    };
    let list = format!("written:{c}");
    Ok(Box::new(move |n| match client.ask(&["RPUSH", &list, &n.to_string()]) {
        Ok(Reply::Number(_)) => Answer::Done,
        // It loads its data, or follows another one.
        Ok(_) => Answer::Refused,
        Err(_) => Answer::Nothing,
    }))
}

/// What the server has of them.
fn numbers(table: &str) -> Result<String> {
    let mut client = Client::connect(SOCKET)?;
    let mut rows = String::new();
    for c in 0..crate::clients::CLIENTS {
        for n in client.ask(&["LRANGE", &format!("{table}:{c}"), "0", "-1"])?.list() {
            rows += &format!("{c}\t{}\n", String::from_utf8_lossy(&n.bytes()));
        }
    }
    Ok(rows)
}

/// The keys of what was written since a mark.
const TOUCHED: &str = "/srv/touched";

/// The list of a server's keys; `only`: of those in [`TOUCHED`].
fn list(socket: &str, only: bool) -> Result<BTreeSet<String>> {
    let mut command = helper("redis-keys", &[socket])?;
    if only {
        command.args(["--only", TOUCHED]);
    }
    Ok(String::from_utf8(run(&mut command, b"")?)?.lines().map(str::to_owned).collect())
}

/// What both servers differ in so far, and the mark from which on it is listed again.
struct Ahead {
    left: BTreeSet<String>,
    mark: String,
}

impl Ahead {
    fn mark() -> Result<String> {
        Ok(String::from_utf8(run(&mut feed("mark")?, b"")?)?.trim().to_owned())
    }

    /// Everything, while clients write.
    fn everything() -> Result<Self> {
        let mark = Self::mark()?;
        let (here, there) = (list(SOCKET, false)?, list(STANDBY_SOCKET, false)?);
        Ok(Self { left: here.symmetric_difference(&there).cloned().collect(), mark })
    }

    /// What was written since. Returns how many lines that were.
    fn again(&mut self) -> Result<usize> {
        let next = Self::mark()?;
        let since = String::from_utf8(run(feed("since")?.arg(&self.mark), b"")?)?;
        ensure!(!since.starts_with('*'), "not told: {since}");
        let mut lines: Vec<&str> = since.lines().collect();
        lines.sort_unstable();
        std::fs::write(TOUCHED, lines.join("\n") + "\n")?;
        let (here, there) = (list(SOCKET, true)?, list(STANDBY_SOCKET, true)?);
        let anew: Vec<&str> = here.iter().filter_map(|line| line.strip_suffix('*')).collect();
        self.left.retain(|line| !anew.iter().any(|begin| line.starts_with(begin)));
        self.left.extend(here.symmetric_difference(&there).cloned());
        self.mark = next;
        Ok(here.len())
    }
}

/// A switch while clients write all the time: what they see of it, and what the feed costs them.
pub fn live(seed: u64) -> Result<String> {
    let mut writers = Writers::start(CLIENTS, seed);
    let alone = writers.rate();
    let (_standby, feeding) = stand_by()?;
    // Clients go on: the standby comes to where they are now.
    let caught_up = Instant::now();
    drained().context("catching up")?;
    let caught_up = caught_up.elapsed().as_secs_f64();
    let fed = writers.rate();
    drained().context("catching up again")?;
    // A key that the feed does not bring.
    let mut standby = Client::connect(STANDBY_SOCKET)?;
    let mut by_hand = |words: &[&str]| -> Result<()> {
        for words in [&["CONFIG", "SET", "replica-read-only", "no"], words] {
            let reply = standby.ask(words)?;
            ensure!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
        }
        Ok(())
    };
    by_hand(&["HSET", "of nobody", "a", "1"])?;
    let mut ahead = Ahead::everything()?;
    let passed = ahead.again()?;
    // Only a mark of the feed at the end of the standby's file is found without reading all of it.
    by_hand(&["DEL", "of nobody"])?;
    drained().context("catching up once more")?;
    writers.gap();
    refused()?;
    let lists = Instant::now();
    let since = ahead.again()?;
    let lists = lists.elapsed();
    let planted: Vec<_> = std::mem::take(&mut ahead.left).into_iter().collect();
    ensure!(
        planted.len() == 1 && planted[0].starts_with("0\tof nobody\thash\t"),
        "different: {planted:#?}"
    );
    // This comparison is the test's own, and does not count. Nor do the keys: no switch asks for
    // them that has compared everything before.
    let compares = Instant::now();
    let difference = dump::difference(&dump::take(SOCKET)?, &dump::take(STANDBY_SOCKET)?);
    if let Some(difference) = difference {
        bail!("silently different before the switch:\n{difference}");
    }
    let keys = Instant::now();
    run(&mut feed("keys")?, b"")?;
    let (keys, own) = (keys.elapsed(), compares.elapsed());
    take_over(feeding)?;
    std::thread::sleep(Duration::from_secs(1));
    let gap = writers.gap().saturating_sub(own);
    let before = writers.acknowledged();
    std::thread::sleep(Duration::from_millis(200));
    ensure!(writers.acknowledged() > before, "clients did not go on");
    writers.stop()?;
    let count = writers.check(&numbers)?;
    Ok(format!(
        "{count} acknowledged, 0 missing, 0 twice; gap {:.2} s (of it {:.2} s for {since} \
         lines since {passed}); what was fed is found in {:.2} s; caught up in {caught_up:.1} s; \
         acknowledged a second: {alone:.0} alone, {fed:.0} while a standby is fed",
        gap.as_secs_f64(),
        lists.as_secs_f64(),
        keys.as_secs_f64()
    ))
}

/// What clients do on the new version, and the switch. Returns how many commands were refused, and
/// what there was and what came back; or what the previous version has no words for.
pub fn switch(seed: u64, generator: &mut generate::Generator) -> Result<Ended> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (standby, running) = stand_by()?;
    let (mut server, mut running) = (Some(standby), Some(running));
    let batches = generator.after();
    let mut turned_away = 0;
    for part in batches.chunks(2) {
        turned_away += talk(part)?;
        if random.u8(..4) == 0 {
            drop(server.take());
            server = Some(start_standby()?);
        }
        if random.bool() {
            drop(running.take());
            running = Some(start_feed()?);
        }
    }
    std::thread::sleep(Duration::from_millis(generate::LONGEST));
    drop(running.take());
    let running = start_feed()?;
    if let Some(why) = catch_up()? {
        return Ok(Ended::Rejected(why));
    }
    refused()?;
    let upgraded = dump::take(SOCKET)?;
    let fed = dump::take(STANDBY_SOCKET)?;
    if let Some(difference) = dump::difference(&upgraded, &fed) {
        bail!("silently different before the switch:\n{difference}");
    }
    // It covers what differs from the snapshot.
    let keys = run(&mut feed("keys")?, b"")?;
    let keys = String::from_utf8_lossy(&keys);
    ensure!(keys.contains("session:1"), "session:1 is not among the keys: {keys}");
    take_over(running)?;
    let restored = dump::take(SOCKET)?;
    drop(server);
    // Everything is in its own file.
    let mut command = of_old("redis-server");
    command.args([CONFIG, "--dir", STANDBY, "--port", "0", "--unixsocket", STANDBY_SOCKET]);
    let _server = Process(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?);
    await_success("the previous version", Duration::from_secs(60), || answers(STANDBY_SOCKET))?;
    let again = dump::take(STANDBY_SOCKET)?;
    if let Some(difference) = dump::difference(&restored, &again) {
        bail!("not in its own file:\n{difference}");
    }
    Ok(Ended::Switched { refused: turned_away, upgraded, restored })
}

/// How it went.
pub enum Ended {
    Switched { refused: u64, upgraded: dump::Dump, restored: dump::Dump },
    Rejected(String),
}

/// Waits until there is nothing more to feed. Returns why the feed has ended, if it has.
fn catch_up() -> Result<Option<String>> {
    let begin = Instant::now();
    loop {
        let (_, _, said) = attempt(&mut feed("watch")?, b"")?;
        if said.contains("rejects") {
            return Ok(Some(said));
        }
        let position = attempt(&mut feed("position")?, b"")?.0;
        let source = attempt(&mut feed("source")?, b"")?.0;
        if position == source && !position.is_empty() {
            return Ok(None);
        }
        if begin.elapsed() > Duration::from_secs(30) {
            let log = std::fs::read_to_string("/srv/log/feed").unwrap_or_default();
            bail!("the feed does not catch up: {said} {log}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
