//! Redis: random commands of clients on both versions, the way back, and a comparison that reads
//! every key by itself.

mod client;
mod dump;
mod feed;
mod generate;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::outcome::{News, equal, finished, past_rejects};
use crate::process::{owned, run_words, stop_unit};
use crate::way::{Change, Host};
use crate::world::await_success;

const SOCKET: &str = "/run/redis/redis.sock";
const CONFIG: &str = "/srv/etc/redis/redis.conf";

/// What the playbook's requirements ask for, and a folder of another name.
const SETTINGS: &str = "\
port 0
unixsocket /run/redis/redis.sock
dir /srv/data
appendonly yes
appendfsync no
appenddirname \"append only\"
appendfilename \"log file.aof\"
auto-aof-rewrite-percentage 0
save 3600 1
shutdown-on-sigterm nosave
databases 4
logfile /srv/log/redis.log
";

fn service(verb: &str) -> Vec<String> {
    let words: &[&str] = match verb {
        "start" => &[
            "systemd-run",
            "--unit=redis",
            "--property=RuntimeDirectory=redis",
            "/usr/bin/redis-server",
            CONFIG,
        ],
        _ => &["systemctl", "stop", "redis.service"],
    };
    owned(words)
}

fn start() -> Result<()> {
    run_words(&service("start"))?;
    ready()
}

fn ready() -> Result<()> {
    await_success("redis-server", Duration::from_secs(60), || answers(SOCKET))
        .with_context(|| fs::read_to_string("/srv/log/redis.log").unwrap_or_default())
}

/// Whether a server has loaded its data.
fn answers(socket: &str) -> bool {
    let reply = client::Client::connect(socket).and_then(|mut it| it.ask(&["PING"]));
    reply.is_ok_and(|reply| reply == client::Reply::Bytes(b"PONG".to_vec()))
}

/// Sends batches of commands, some at the same time, some after a pause in which keys expire.
/// Returns how many were refused.
fn talk(batches: &[generate::Batch]) -> Result<u64> {
    let mut refused = 0;
    for together in batches.chunks(2) {
        let sent = std::thread::scope(|scope| {
            let clients: Vec<_> = together
                .iter()
                .map(|batch| {
                    scope.spawn(|| client::Client::connect(SOCKET)?.pipeline(&batch.commands))
                })
                .collect();
            clients.into_iter().map(|it| it.join().unwrap()).collect::<Result<Vec<u64>>>()
        })?;
        refused += sent.iter().sum::<u64>();
        std::thread::sleep(Duration::from_millis(together[0].pause));
    }
    Ok(refused)
}

/// The previous version with data, and then the upgraded one. Returns how many commands were
/// refused.
fn upgraded(generator: &mut generate::Generator) -> Result<(Change, u64)> {
    let annotated = if generator.random.chance(4) { "aof-timestamp-enabled yes\n" } else { "" };
    fs::write(CONFIG, format!("{SETTINGS}{annotated}"))?;
    start()?;
    let before = generator.before();
    let refused = talk(&before)?;
    let host = Host {
        start: service("start"),
        stop: service("stop"),
        upgrade: None,
        values: vec![
            ("datadir", "/srv/data".into()),
            ("config", CONFIG.into()),
            ("appenddirname", "append only".into()),
            ("appendfilename", "log file.aof".into()),
            ("release", "trixie".into()),
        ],
    };
    let change = Change::open("redis", &host)?;
    change.upgrade()?;
    ready()?;
    Ok((change, refused))
}

/// A switch while clients write all the time.
pub fn switch(seed: u64, without: &[u64]) -> Result<String> {
    upgraded(&mut generate::Generator::new(seed, without))?;
    feed::live(seed)
}

/// See [`crate::Session`].
pub fn session(seed: u64, without: &[u64]) -> Result<String> {
    let begin = Instant::now();
    let mut generator = generate::Generator::new(seed, without);
    let (change, mut refused) = upgraded(&mut generator)?;
    if seed % 2 == 1 {
        return switched(seed, &mut generator, refused, begin);
    }
    let after = generator.after();
    refused += talk(&after)?;
    // Keys that were meant to expire have.
    std::thread::sleep(Duration::from_millis(generate::LONGEST));
    let upgraded = dump::take(SOCKET)?;
    // Half of them as a downgrade is by default.
    let news = News {
        used: generator.random.has_news(),
        rejected: "rejected: item",
        word: NEW,
        strange: |line| {
            line.contains("refused while")
                || (line.contains(" in keys: ") && !line.contains("new:"))
        },
    };
    let (outcome, named) = past_rejects(&change, change.downgrade(seed % 4 == 2)?, &news)?;
    let counts = format!(
        "{} commands, {refused} refused, {} keys, {named} rejected, {} s",
        generator.random.made(),
        upgraded.len(),
        begin.elapsed().as_secs()
    );
    finished(&change, &outcome, &counts)?;
    ready()?;
    let restored = dump::take(SOCKET)?;
    stop_unit("redis.service")?;
    equal(dump::difference(&upgraded, &restored), &counts)
}

/// How the key of a command is named that only the new version has.
const NEW: &str = " of \"new:";

/// With a standby, and a switch to it.
fn switched(
    seed: u64,
    generator: &mut generate::Generator,
    refused: u64,
    begin: Instant,
) -> Result<String> {
    match feed::switch(seed, generator)? {
        feed::Ended::Rejected(why) => {
            let used = generator.random.has_news();
            ensure!(used, "rejected, without a command of the new version: {why}");
            ensure!(why.contains(NEW), "not a command of the new version: {why}");
            Ok(format!("the feed stopped at a reject; {} commands", generator.random.made()))
        }
        feed::Ended::Switched { refused: more, upgraded, restored } => {
            let counts = format!(
                "by a switch; {} commands, {} refused, {} keys, {} s",
                generator.random.made(),
                refused + more,
                upgraded.len(),
                begin.elapsed().as_secs()
            );
            equal(dump::difference(&upgraded, &restored), &counts)
        }
    }
}
