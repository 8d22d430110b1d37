//! Redis: random commands of clients on both versions, the way back, and a comparison that reads
//! every key by itself.

mod client;
mod dump;
mod feed;
mod generate;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use backout::change::event::Outcome;
use backout::journal::{HaltKind, OpenQuestion};

use crate::way::{Change, Host};
use crate::world::{await_success, run};

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
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn start() -> Result<()> {
    let words = service("start");
    run(Command::new(&words[0]).args(&words[1..]), b"")?;
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

/// See [`crate::Session`].
pub fn session(seed: u64, without: &[u64]) -> Result<String> {
    let begin = Instant::now();
    let mut generator = generate::Generator::new(seed, without);
    let annotated = if generator.chance(4) { "aof-timestamp-enabled yes\n" } else { "" };
    fs::write(CONFIG, format!("{SETTINGS}{annotated}"))?;
    start()?;
    let before = generator.before();
    let mut refused = talk(&before)?;
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
    if seed % 2 == 1 {
        return match feed::switch(seed, &mut generator)? {
            feed::Ended::Rejected(why) => {
                ensure!(
                    generator.has_news(),
                    "rejected, without a command of the new version: {why}"
                );
                ensure!(why.contains(" of \"new:"), "not a command of the new version: {why}");
                Ok(format!("the feed stopped at a reject; {} commands", generator.commands()))
            }
            feed::Ended::Switched { refused: more, upgraded, restored } => {
                let counts = format!(
                    "by a switch; {} commands, {} refused, {} keys, {} s",
                    generator.commands(),
                    refused + more,
                    upgraded.len(),
                    begin.elapsed().as_secs()
                );
                match dump::difference(&upgraded, &restored) {
                    None => Ok(format!("equal; {counts}")),
                    Some(difference) => bail!("silently different ({counts}):\n{difference}"),
                }
            }
        };
    }
    let after = generator.after();
    refused += talk(&after)?;
    // Keys that were meant to expire have.
    std::thread::sleep(Duration::from_millis(generate::LONGEST));
    let upgraded = dump::take(SOCKET)?;
    let mut outcome = change.downgrade(seed % 2 == 1)?;
    let mut named = 0;
    if let Outcome::Halted { kind: HaltKind::Rejects, why, .. } = &outcome {
        ensure!(generator.has_news(), "rejected, without a command of the new version: {why}");
        named = named_rejects(why)?;
        outcome = change.resume(Some(OpenQuestion::Rejects))?;
        if let Outcome::Halted { kind: HaltKind::Differences, why, .. } = &outcome {
            let strange = why.lines().find(|line| {
                line.contains("refused while")
                    || (line.contains(" in keys: ") && !line.contains("new:"))
            });
            ensure!(strange.is_none(), "more differs than what was rejected: {why}");
            outcome = change.resume(Some(OpenQuestion::Differences))?;
        }
    }
    let counts = format!(
        "{} commands, {refused} refused, {} keys, {named} rejected, {} s",
        generator.commands(),
        upgraded.len(),
        begin.elapsed().as_secs()
    );
    match outcome {
        Outcome::Finished => {
            ready()?;
            let restored = dump::take(SOCKET)?;
            run(Command::new("systemctl").args(["stop", "redis.service"]), b"")?;
            match dump::difference(&upgraded, &restored) {
                None => Ok(format!("equal; {counts}")),
                Some(difference) => bail!("silently different ({counts}):\n{difference}"),
            }
        }
        other => bail!("{other:?} ({counts})\n{}", change.said().join("\n")),
    }
}

/// Each is one of the new version's commands, on a key that only they have.
fn named_rejects(why: &str) -> Result<usize> {
    let lines: Vec<&str> = why.lines().filter(|line| line.contains("rejected: item")).collect();
    ensure!(!lines.is_empty(), "nothing is named: {why}");
    for line in &lines {
        ensure!(line.contains(" of \"new:"), "not a command of the new version: {line}");
    }
    Ok(lines.len())
}
