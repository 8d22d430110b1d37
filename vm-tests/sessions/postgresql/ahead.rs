//! Both servers are compared while clients write, and in the switch only what was written since a
//! mark.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use super::SOCKET;
use super::feed::{PRIVATE, TOUCHED, Way, ask, fed, hurt, hurt_server, list};
use crate::outcome::shown;

/// What was different so far, and the mark from which on it is listed again.
pub struct Ahead {
    left: BTreeSet<String>,
    mark: String,
    said: String,
}

/// A row that no client writes.
const PLANT: &str = "UPDATE big SET a = 'wrong' WHERE id = 8";
const BACK: &str = "UPDATE big SET a = md5('8') WHERE id = 8";

/// As what replicates: no trigger.
fn told(sql: &str) -> Result<String> {
    ask(PRIVATE, "ledgers", &format!("SET session_replication_role = replica; {sql}"))
}

fn mark() -> Result<String> {
    let mark = fed("mark", &[])?;
    ensure!(!mark.starts_with('*'), "no mark: {mark}");
    Ok(mark)
}

impl Ahead {
    /// While clients write.
    pub fn begin(way: &Way, random: &mut fastrand::Rng) -> Result<Self> {
        told(PLANT)?;
        let begin = Instant::now();
        let first = mark()?;
        let marked = begin.elapsed();
        let left = differing(&list(SOCKET, false)?, &list(PRIVATE, false)?);
        if random.u8(0..4) == 0 {
            hurt(way, "feed")?;
            let said = fed("since", &[&first])?;
            ensure!(said.starts_with("*\t") && said.lines().count() == 1, "told: {said}");
            let mut ahead = Self::begin(way, random)?;
            ahead.said.push_str(", not told after the feed was started again");
            return Ok(ahead);
        }
        let kinds = ["live", "live, held", "standby", "walsender", "worker", "nothing"];
        let what = *random.choice(&kinds).context("a kind")?;
        hurt_server(way, what)?;
        let mut ahead = Self { left, mark: first, said: String::new() };
        let (count, mut passes) = (ahead.left.len(), Vec::new());
        // As often as a switch does it, as the tables without a key stay as many lines.
        for _ in 0..2 {
            let begin = Instant::now();
            let next = mark()?;
            let marked = begin.elapsed().as_secs_f64();
            let (told, _) = ahead.again()?;
            ahead.mark = next;
            let all = begin.elapsed().as_secs_f64();
            passes.push(format!("mark {marked:.2}, told {told:.2}, all {all:.2}"));
        }
        ahead.said = format!(
            "ahead: mark {:.2}, {what}, {count} lines, then {}: {}",
            marked.as_secs_f64(),
            ahead.left.len(),
            passes.join("; "),
        );
        Ok(ahead)
    }

    /// Lists again what was written since the mark, on both sides.
    fn again(&mut self) -> Result<(f64, usize)> {
        let begin = Instant::now();
        let found = fed("since", &[&self.mark])?;
        let time = begin.elapsed().as_secs_f64();
        ensure!(!found.starts_with('*'), "not told: {found}");
        let mut lines: Vec<&str> = found.lines().collect();
        lines.sort_unstable();
        fs::write(TOUCHED, lines.join("\n") + "\n")?;
        Ok((time, self.list_again()?))
    }

    fn list_again(&mut self) -> Result<usize> {
        let (here, there) = (list(SOCKET, true)?, list(PRIVATE, true)?);
        let items: BTreeSet<&str> =
            here.iter().chain(&there).filter_map(|line| item(line)).collect();
        let is_old = |line: &String| {
            let item = item(line).unwrap_or(line);
            let table = line.splitn(3, '\t').take(2).collect::<Vec<_>>().join("\t");
            !items.contains(item) && !whole(&here, &table) && !whole(&there, &table)
        };
        self.left.retain(is_old);
        self.left.extend(differing(&here, &there));
        Ok(here.len())
    }

    /// While clients are shut out.
    pub fn finish(mut self, random: &mut fastrand::Rng) -> Result<String> {
        let before = self.read_before()?;
        let begin = Instant::now();
        let (told_in, count) = self.again()?;
        let time = begin.elapsed().as_secs_f64();
        let planted: Vec<String> = std::mem::take(&mut self.left).into_iter().collect();
        let row = |line: &String| item(line) == Some("ledgers\tpublic.big\t(8)");
        ensure!(
            planted.len() == 2 && planted.iter().all(row),
            "different:\n{}",
            shown(planted, 9).unwrap_or_default()
        );
        told(BACK)?;
        let plants = [
            (
                "UPDATE ledger SET v = v || '!' WHERE id = (SELECT max(id) FROM ledger)",
                "UPDATE ledger SET v = left(v, -1) WHERE id = (SELECT max(id) FROM ledger)",
            ),
            ("INSERT INTO bare VALUES (9, 9)", "DELETE FROM bare WHERE c = 9"),
            ("UPDATE counts SET n = n + 1 WHERE c < 3", "UPDATE counts SET n = n - 1 WHERE c < 3"),
            ("UPDATE counts SET c = c - 9 WHERE c < 3", "UPDATE counts SET c = c + 9 WHERE c < 0"),
        ];
        let (plant, back) = random.choice(plants).context("a plant")?;
        told(plant)?;
        self.list_again()?;
        ensure!(!self.left.is_empty(), "a difference was not found: {plant}");
        told(back)?;
        self.list_again()?;
        ensure!(self.left.is_empty(), "{:#?}", self.left);
        Ok(format!(
            "{}; since {count} lines: told in {told_in:.2} ({before} KiB of log before the mark), in \
             all {time:.2} s",
            self.said
        ))
    }

    /// So much of the log before the mark has to be read, too.
    fn read_before(&self) -> Result<String> {
        let sql = format!(
            "SELECT max(pg_wal_lsn_diff('{}', restart_lsn))::bigint / 1024 \
             FROM pg_replication_slots WHERE starts_with(slot_name, 'backout_proof_')",
            self.mark
        );
        ask(SOCKET, "template1", &sql)
    }
}

/// What a line is about: all but its last column.
fn item(line: &str) -> Option<&str> {
    line.rsplit_once('\t').map(|(item, _)| item)
}

/// Whether all of a table was listed again.
fn whole(lines: &[String], table: &str) -> bool {
    lines.binary_search(&format!("{table}\t*")).is_ok()
}

/// The lines that are in one list only.
fn differing(here: &[String], there: &[String]) -> BTreeSet<String> {
    let set = |lines: &[String]| lines.iter().cloned().collect::<BTreeSet<_>>();
    set(here).symmetric_difference(&set(there)).cloned().collect()
}
