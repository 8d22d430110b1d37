//! The switch to the server that is fed, and back, as clients see it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    CLIENTS, LOG, NOTES, PRIVATE, STANDBY, ask, carry, caught_up, feeder, kill_pid, numbers,
    prepare, start_beside, start_feed, start_standby, with_feeder,
};
use crate::clients::Writers;
use crate::mariadb::ahead::Ahead;
use crate::mariadb::{DATADIR, LOGIN, SOCKET, Unlike, dump, start, stop};
use crate::process::{Process, helper};
use crate::world::run;

/// The switch, as the playbook does it, and back by another one: clients write all the time.
pub fn switch(seed: u64, _without: &[u64]) -> Result<String> {
    prepare()?;
    let standby = start_standby()?;
    let mut writers = Writers::start(CLIENTS, seed);
    let there = switch_to("old", standby, STANDBY, "/srv/data/upgraded", &mut writers)?;
    // The upgraded version is the standby now.
    fs::remove_dir_all(NOTES)?;
    let upgraded = start_beside("new", "/srv/data/upgraded")?;
    let back =
        switch_to("new", upgraded, "/srv/data/upgraded", "/srv/data/previous", &mut writers)?;
    writers.stop()?;
    let count = writers.check(&|table| numbers(SOCKET, table))?;
    let damaged = dump::damaged(SOCKET)?;
    if !damaged.is_empty() {
        bail!("damaged: {}", damaged.join("\n"));
    }
    stop()?;
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
    let alone = writers.rate();
    let mut feed = start_feed()?;
    let fed = writers.rate();
    caught_up()?;
    // A row that the feed does not bring.
    let by_hand = |sql: &str| ask(PRIVATE, &format!("SET sql_log_bin = 0; {sql}"));
    by_hand("INSERT INTO shop.counts VALUES (9, 9)")?;
    let compares = Instant::now();
    let mut ahead = Ahead::everything([SOCKET, PRIVATE], [NOTES, LOG], feeder())?;
    let everything = compares.elapsed().as_secs_f64();
    let mut passed = 0;
    for _ in 0..2 {
        passed = ahead.again(false)?;
    }
    caught_up()?;
    let before = writers.acknowledged();
    writers.gap();
    let begin = Instant::now();
    let mut times = Vec::new();
    let mut mark = |what: &str| times.push(format!("{what} {:.2}", begin.elapsed().as_secs_f64()));
    // Refuse.
    let words = [&["5", "mariadb"], LOGIN.as_slice()].concat();
    let mut hold = helper("mariadb-hold", &words)?;
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
    let lines = ahead.again(true)?;
    let planted: Vec<_> = std::mem::take(&mut ahead.left).into_iter().collect();
    ensure!(
        planted.len() == 1 && planted[0].starts_with("shop.counts\t9\t"),
        "different: {planted:#?}"
    );
    mark("listed");
    by_hand("DELETE FROM shop.counts WHERE c = 9")?;
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
    run(&mut with_feeder("mariadb-feed", &["--to-end", NOTES, LOG])?, b"")?;
    mark("rest");
    stop_standby(&mut beside)?;
    mark("stopped");
    // The exchange.
    fs::rename(DATADIR, aside)?;
    fs::rename(folder, DATADIR)?;
    fs::write("/srv/version", format!("{version}\n"))?;
    start(&Unlike::default())?;
    mark("open");
    std::thread::sleep(Duration::from_secs(2));
    let gap = writers.gap().saturating_sub(own);
    if writers.acknowledged() <= before {
        bail!("clients did not go on");
    }
    Ok(format!(
        "gap {:.2} s, whole: {carried}, {}; {lines} lines since {passed}, after all in \
         {everything:.2} s; acknowledged a second: {alone:.0} alone, {fed:.0} while a standby is \
         fed",
        gap.as_secs_f64(),
        times.join(", ")
    ))
}

fn stop_standby(standby: &mut Process) -> Result<()> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(standby.0.id())?);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
    standby.0.wait()?;
    Ok(())
}
