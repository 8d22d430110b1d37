//! What a comparison ahead of a switch needs: a mark in the log, and slots of our own that can tell
//! what was committed since. They keep log, so they are there only while a switch is prepared.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::super::at_once::at_once;
use super::super::client::{Client, literal};
use super::copy::complete;
use super::drop_slots::{PROOF, drop_slots};
use super::pair::{Fed, NAME, Pair, fed, unread};
use super::position::{Lsn, confirmed, source};
use crate::product::stream::HelperError;

const RUNNING: &str = include_str!("sql/running.sql");
const SNAPSHOT: &str = include_str!("sql/snapshot.sql");
/// The file of the feed with the latest mark.
const MARK: &str = "mark";

/// How long the standby may take to come to where the slots begin. A server that crashed reads its log
/// once more before it sends what is new. Clients write meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the standby may take to come to the snapshot, without which more of the log is read.
const WISHED: Duration = Duration::from_secs(5);
/// After this, only transactions that wait for a replica are waited for.
const LITTLE: Duration = Duration::from_secs(2);
const ASK: Duration = Duration::from_millis(20);

/// A database that is fed, and its second slot.
pub(super) struct Told {
    pub(super) database: String,
    pub(super) slot: String,
    feed: String,
}

/// Those that are fed; nothing if the standby is not complete.
pub(super) fn told(pair: &Pair) -> Result<Option<Vec<Told>>, HelperError> {
    let Some(names) = complete(pair)? else { return Ok(None) };
    let all = fed(&pair.live)?;
    Ok(Some(all.into_iter().filter(|one| names.contains(&one.name)).filter_map(second).collect()))
}

fn second(one: Fed) -> Option<Told> {
    let number = one.slot.strip_prefix(NAME)?.strip_prefix('_')?;
    Some(Told { slot: format!("{PROOF}{number}"), feed: one.slot, database: one.name })
}

/// What a mark needs.
struct Needed {
    databases: usize,
    /// From where on the second slots can tell.
    begins: Lsn,
    /// The mark before. A server that crashed may know of less that was confirmed than it did
    /// then, and the second slots may have been moved there.
    last: Option<Lsn>,
}

impl Needed {
    fn least(&self) -> Lsn {
        self.last.map_or(self.begins, |last| last.max(self.begins))
    }

    /// Where the standbys of all databases have come, if that is far enough.
    fn reached(&self, confirmed: &[Lsn], wished: Option<Lsn>) -> Option<Lsn> {
        let least = *confirmed.iter().min().filter(|_| confirmed.len() >= self.databases)?;
        let needed = wished.map_or(self.least(), |wished| wished.max(self.least()));
        (least >= needed).then_some(least)
    }
}

/// A position: all that was committed before it is on the standby, and is seen by whoever asks
/// either server from now on. What is committed from there on can be told. Or `*` and why not.
pub(super) fn mark(pair: &Pair) -> String {
    match place(pair) {
        Ok(lsn) => lsn.to_string(),
        Err(error) => not_told(&error),
    }
}

/// The line that says that nothing can be told.
pub(super) fn not_told(why: &HelperError) -> String {
    let why = why.to_string();
    format!("*\t{}", why.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn place(pair: &Pair) -> Result<Lsn, HelperError> {
    let Some(databases) = told(pair)? else {
        return Err(HelperError::Failed("the standby is not complete yet".into()));
    };
    let begins = make(pair, &databases)?;
    let needed = Needed { databases: databases.len(), begins, last: latest(pair)? };
    let wished = snapshot(&pair.live);
    // The standby of a database in which nothing is written comes on by it, too.
    source(pair)?;
    let begin = Instant::now();
    let lsn = loop {
        let wished = wished.filter(|_| begin.elapsed() <= WISHED);
        if let Some(lsn) = needed.reached(&confirmed(pair)?, wished) {
            break lsn;
        }
        if begin.elapsed() > PATIENCE {
            return Err(HelperError::Failed(format!(
                "the standby did not come to {} within {} s. `backout status` says whether its \
                 feed runs",
                needed.least(),
                PATIENCE.as_secs()
            )));
        }
        std::thread::sleep(ASK);
    };
    seen(&pair.live)?;
    pair.put(MARK, &lsn.to_string())?;
    Ok(lsn)
}

/// The latest mark.
pub(super) fn latest(pair: &Pair) -> Result<Option<Lsn>, HelperError> {
    Ok(pair.get(MARK)?.and_then(|text| text.parse().ok()))
}

/// Has the server write into its log which transactions run, as it does for a new slot: again and
/// again, until those of the first time have ended. Returns where that is, if it worked. What was
/// written since a mark is found by reading the log from there. By itself, the server writes it
/// every 15 seconds.
fn snapshot(live: &Client) -> Option<Lsn> {
    live.script("template1", SNAPSHOT).ok()?.trim().parse().ok()
}

/// Each database has its slot. Returns from where on all of them can tell.
fn make(pair: &Pair, databases: &[Told]) -> Result<Lsn, HelperError> {
    let live = &pair.live;
    let sql = format!(
        "SELECT slot_name FROM pg_catalog.pg_replication_slots \
         WHERE starts_with(slot_name, '{PROOF}') AND wal_status IS DISTINCT FROM 'lost'"
    );
    let there = live.query("template1", &sql)?;
    let there: BTreeSet<&str> = there.lines().collect();
    let missing: Vec<&Told> =
        databases.iter().filter(|one| !there.contains(one.slot.as_str())).collect();
    if !missing.is_empty() {
        // Marks that were set with earlier slots are void.
        pair.forget(MARK)?;
        drop_slots(live, &format!("starts_with(slot_name, '{PROOF}') AND wal_status = 'lost'"))?;
        room(live, missing.len())?;
        at_once(&missing, |one| copy(live, one))?;
    }
    let sql = format!(
        "SELECT max(confirmed_flush_lsn) FROM pg_catalog.pg_replication_slots \
         WHERE starts_with(slot_name, '{PROOF}')"
    );
    live.query("template1", &sql)?.parse().map_err(|()| unread())
}

/// There are so many slots left.
fn room(live: &Client, needed: usize) -> Result<(), HelperError> {
    let free = "SELECT current_setting('max_replication_slots')::int \
        - (SELECT count(*) FROM pg_catalog.pg_replication_slots)";
    let free: usize = live.query("template1", free)?.trim().parse().unwrap_or(0);
    if free < needed {
        return Err(HelperError::Failed(format!(
            "a second replication slot is needed for each database, {needed} in all, and the \
             server has {free} left. Raise max_replication_slots, and restart it at a quiet moment"
        )));
    }
    Ok(())
}

/// The slot begins where the feed's slot is. It waits for nobody.
fn copy(live: &Client, one: &Told) -> Result<(), HelperError> {
    let sql = format!(
        "SELECT pg_catalog.pg_copy_logical_replication_slot({}, {}, false)",
        literal(&one.feed),
        literal(&one.slot)
    );
    let mut last = Ok(());
    // The feed's slot may have been moved meanwhile.
    for _ in 0..3 {
        last = live.query(&one.database, &sql).map(drop);
        if last.is_ok() {
            break;
        }
    }
    last
}

/// What was committed in the log before now is seen from now on. A transaction that goes on for
/// long, and does not wait for a replica, is not committed yet.
fn seen(live: &Client) -> Result<(), HelperError> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let running = || -> Result<_, HelperError> {
        let text = live.query("template1", RUNNING)?;
        let (all, waiting) = text.split_once('\t').ok_or_else(unread)?;
        Ok((words(all), words(waiting)))
    };
    let (before, _) = running()?;
    let begin = Instant::now();
    loop {
        let (all, waiting) = running()?;
        if before.is_disjoint(&all) || (begin.elapsed() > LITTLE && before.is_disjoint(&waiting)) {
            return Ok(());
        }
        if begin.elapsed() > PATIENCE {
            return Err(HelperError::Failed(
                "a transaction waits for a synchronous replica (synchronous_standby_names)".into(),
            ));
        }
        std::thread::sleep(ASK);
    }
}

/// Drops the slots, if the server answers.
pub(super) fn end(pair: &Pair) -> Result<(), HelperError> {
    let ended = drop_slots(&pair.live, &format!("starts_with(slot_name, '{PROOF}')"));
    if pair.live.query("template1", "SELECT 1").is_err() {
        return Ok(());
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_slot_is_not_counted_among_those_of_the_feed() {
        let one = Fed { name: "shop".into(), slot: "backout_standby_5".into() };
        let one = second(one).expect("a slot of ours");
        assert_eq!(
            (one.slot.as_str(), one.feed.as_str()),
            ("backout_proof_5", "backout_standby_5")
        );
        assert!(!one.slot.starts_with(NAME));
    }

    #[test]
    fn a_mark_is_where_all_databases_have_come_and_not_before_the_mark_before() {
        let lsn = |text: &str| text.parse::<Lsn>().expect("a position");
        // The server crashed after the mark, and knew of less: 0/138F7338.
        let needed = |last: Option<&str>| Needed {
            databases: 2,
            begins: lsn("0/138F0000"),
            last: last.map(lsn),
        };
        let (marked, less, more) = ("0/138F97B0", "0/138F7338", "0/139F0000");
        for (last, confirmed, wished, expected) in [
            (None, [less, more].as_slice(), None, Some(less)),
            (None, &[less, more], Some(marked), None),
            (None, &[more], None, None),
            (None, &["0/138EFFFF", more], None, None),
            (Some(marked), &[less, more], None, None),
            (Some(marked), &[marked, more], None, Some(marked)),
            (Some(marked), &[marked, more], Some(more), None),
            (Some(marked), &[more, more], Some(less), Some(more)),
        ] {
            let confirmed: Vec<Lsn> = confirmed.iter().map(|text| lsn(text)).collect();
            let reached = needed(last).reached(&confirmed, wished.map(lsn));
            assert_eq!(reached, expected.map(lsn), "{last:?} {confirmed:?} {wished:?}");
        }
    }

    #[test]
    fn the_slot_for_a_moment_has_a_name_that_checks_know_as_ours() {
        assert_eq!(SNAPSHOT.matches(&format!("('{PROOF}snapshot'")).count(), 2);
    }

    #[test]
    fn why_nothing_can_be_told_is_one_line() {
        let why = HelperError::Failed("psql failed:\nERROR:\tno slot".into());
        assert_eq!(not_told(&why), "*\tpsql failed: ERROR: no slot");
    }
}
