//! Both servers' lists of rows, compared while clients write; and what was written since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use backout::playbook::library;

use super::LOGIN;
use crate::process::helper;
use crate::world::run;

/// As the playbook asks.
const SETTINGS: &str = "--init-command=SET time_zone = '+00:00', sql_mode = '', \
                        group_concat_max_len = 67108864, max_statement_time = 0, sql_log_bin = 0, \
                        in_predicate_conversion_threshold = 0";
const TOUCHED: &str = "/srv/touched";

fn client(socket: &str, more: &[&str]) -> Command {
    let mut client = Command::new("mariadb");
    client.args(LOGIN).arg(format!("--socket={socket}")).arg(SETTINGS);
    client.args(["--batch", "--skip-column-names", "--default-character-set=utf8mb4"]).args(more);
    client
}

fn program(name: &str) -> Result<Vec<u8>> {
    let shipped = library::find("mariadb", &[])?;
    let program = shipped.programs().iter().find(|it| it.name() == name);
    Ok(program.with_context(|| format!("the playbook has no {name}"))?.bytes().to_vec())
}

/// How often a server lists each row. `touched`: only what is in the file.
pub fn list(socket: &str, touched: bool) -> Result<BTreeMap<String, usize>> {
    let program = program("rows.sql")?;
    let statements = if touched {
        let statements = run(&mut client(socket, &[]), &program)?;
        run(&mut helper("mariadb-touched-rows", &[TOUCHED])?, &statements)?
    } else {
        run(&mut client(socket, &["--raw"]), &program)?
    };
    let printed = run(&mut client(socket, &["--binary-mode", "--quick"]), &statements)?;
    let mut rows = BTreeMap::new();
    for line in String::from_utf8_lossy(&printed).lines() {
        *rows.entry(line.to_owned()).or_default() += 1;
    }
    Ok(rows)
}

/// A mark in the log of a server. `standby`: a client of the standby.
pub fn mark(socket: &str, log: &str, standby: &[String]) -> Result<String> {
    let sql = "SHOW GLOBAL STATUS LIKE 'binlog_snapshot%'; SELECT @@gtid_binlog_pos";
    let said = run(client(socket, &[]).arg(format!("--execute={sql}")), b"")?;
    let mut mark = helper("mariadb-feed-mark", &[log, "60"])?;
    Ok(String::from_utf8(run(mark.args(standby), &said)?)?.trim().to_owned())
}

/// Writes what was written since a mark into the file; returns it, or why it cannot be told.
pub fn since(socket: &str, notes: &str, log: &str, mark: &str) -> Result<Result<String, String>> {
    let programs = [program("whole.sql")?, program("touched.sql")?].concat();
    let listed = run(&mut client(socket, &[]), &programs)?;
    let since = run(&mut helper("mariadb-fed", &[notes, log, mark])?, &listed)?;
    let since = String::from_utf8(since)?;
    let mut lines: Vec<&str> = since.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    if let Some(why) = lines.first().and_then(|line| line.strip_prefix('*')) {
        return Ok(Err(why.trim().to_owned()));
    }
    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    fs::write(TOUCHED, &text)?;
    Ok(Ok(text))
}

/// What a list says that it has anew.
pub struct Anew(BTreeSet<String>);

impl Anew {
    pub fn of(list: &BTreeMap<String, usize>) -> Self {
        Self(list.keys().filter_map(|line| line.strip_suffix('*')).map(str::to_owned).collect())
    }

    /// Whether it has this line, or says that it is gone.
    pub fn has(&self, line: &str) -> bool {
        line.match_indices('\t').any(|(at, _)| self.0.contains(&line[..=at]))
    }
}

/// Looks at what a server with the log lists anew since a mark: all that differs from `before`, and
/// nothing that it does not say. Returns what it was, in words.
pub fn look(
    socket: &str,
    log: &str,
    mark: &str,
    before: &BTreeMap<String, usize>,
) -> Result<String> {
    let since = match since(socket, "/srv/no notes", log, mark)? {
        Ok(since) => since,
        Err(why) => return Ok(format!("not told ({why})")),
    };
    let (listed, after) = (list(socket, true)?, list(socket, false)?);
    let anew = Anew::of(&listed);
    let strange = |line: &&String| !line.ends_with("\t*") && !anew.has(line);
    let strange: Vec<&String> = listed.keys().filter(strange).take(5).collect();
    ensure!(strange.is_empty(), "listed, and not said to be: {strange:#?}\n{since}");
    let of = |line: &String| (before.get(line), after.get(line));
    let differs = |line: &&String| of(line).0 != of(line).1;
    let differing: BTreeSet<&String> = before.keys().chain(after.keys()).filter(differs).collect();
    let left: Vec<_> = differing.iter().filter(|line| !anew.has(line)).take(5).collect();
    ensure!(left.is_empty(), "changed, and not listed anew: {left:#?}\n{since}");
    let wrong = listed
        .iter()
        .filter(|(line, count)| !line.ends_with('*') && after.get(*line) != Some(count));
    let wrong: Vec<_> = wrong.take(5).collect();
    ensure!(wrong.is_empty(), "listed otherwise: {wrong:#?}");
    let keys = since.lines().filter(|line| line.contains(" key ")).count();
    Ok(format!("{keys} keys and {} tables anew", since.lines().count() - keys))
}

/// See the module.
pub struct Ahead<'a> {
    here: &'a str,
    there: &'a str,
    notes: &'a str,
    log: &'a str,
    standby: Vec<String>,
    /// What differs.
    pub left: BTreeSet<String>,
    mark: String,
}

impl<'a> Ahead<'a> {
    /// Everything, while clients write.
    pub fn everything(
        [here, there]: [&'a str; 2],
        [notes, log]: [&'a str; 2],
        standby: Vec<String>,
    ) -> Result<Self> {
        let mark = mark(here, log, &standby)?;
        let mut all = Self { here, there, notes, log, standby, left: BTreeSet::new(), mark };
        let [one, other] = all.both(false)?;
        all.differ(&one, &other);
        Ok(all)
    }

    /// A table may be changed while it is listed; then the list begins again.
    fn both(&self, touched: bool) -> Result<[BTreeMap<String, usize>; 2]> {
        let take = |socket: &str| {
            let mut tries = 0;
            loop {
                match list(socket, touched) {
                    Err(_) if tries < 20 => tries += 1,
                    list => return list,
                }
            }
        };
        Ok([take(self.here)?, take(self.there)?])
    }

    fn differ(&mut self, here: &BTreeMap<String, usize>, there: &BTreeMap<String, usize>) {
        let differs = |line: &&String| here.get(*line) != there.get(*line);
        self.left.extend(here.keys().chain(there.keys()).filter(differs).cloned());
    }

    /// What was written since. Returns how many lines that were. `last`: no more is written.
    pub fn again(&mut self, last: bool) -> Result<usize> {
        let next = if last { String::new() } else { mark(self.here, self.log, &self.standby)? };
        let told = since(self.here, self.notes, self.log, &self.mark)?;
        ensure!(told.is_ok(), "not told: {told:?}");
        let [here, there] = self.both(true)?;
        let anew = Anew::of(&here);
        self.left.retain(|line| !anew.has(line));
        self.differ(&here, &there);
        self.mark = next;
        Ok(here.len())
    }
}

/// A standby that is always there, for a mark in a log that nobody feeds.
pub fn nobody(socket: &str) -> Result<Vec<String>> {
    let position = run(&mut client(socket, &["--execute=SELECT @@gtid_binlog_pos"]), b"")?;
    let position = String::from_utf8(position)?;
    let answer = format!("while read -r line; do echo at={}; done", position.trim());
    Ok(["sh", "-c", &answer].map(str::to_owned).to_vec())
}

/// Whether a table is listed whole by the file that was written last.
pub fn is_whole(table: &str) -> bool {
    let hex = |name: &str| name.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (schema, name) = table.split_once('.').unwrap_or_default();
    let line = format!("{} {} all", hex(schema), hex(name));
    fs::read_to_string(TOUCHED).is_ok_and(|text| text.lines().any(|it| it.starts_with(&line)))
}
