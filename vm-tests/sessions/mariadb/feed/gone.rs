//! What ends a feed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::{NOTES, PRIVATE, ask, caught_up, prepare, start_feed, start_standby};
use crate::mariadb::{SOCKET, client, stop};
use crate::process::helper;
use crate::world::{attempt, await_success, run};

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
        let (_, status, said) = attempt(&mut helper("mariadb-feed-watch", &words)?, b"")?;
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
    // What InnoDB has not flushed yet keeps a log from being purged.
    let purge = format!("PURGE BINARY LOGS TO '{last}'");
    await_success("the purge", Duration::from_secs(20), || {
        let left = || ask(SOCKET, "SHOW BINARY LOGS").map(|left| left.lines().count());
        sql(&purge).is_ok() && left().is_ok_and(|left| left == 1)
    })?;
    all += &again("the files of the upgraded server's log that follow ")?;
    sql("RESET MASTER")?;
    all += &again("the upgraded server began its log anew: ")?;
    stop()?;
    Ok(all)
}
