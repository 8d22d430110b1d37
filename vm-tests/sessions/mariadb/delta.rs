//! What was compared before the opening: only rows that are there, and each that was changed.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufRead as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use backout::journal::{Family, Output, Side, StepId};
use backout::playbook::library;
use backout::proof::{inventory, lines};

use super::{LOGIN, SOCKET};
use crate::way::Change;
use crate::world::run;

/// How often each item is listed.
type Rows = BTreeMap<Vec<u8>, usize>;

/// As the playbook asks.
const SETTINGS: &str = "--init-command=SET time_zone = '+00:00', sql_mode = '', \
                        group_concat_max_len = 67108864, max_statement_time = 0, sql_log_bin = 0";

fn client(more: &[&str]) -> Command {
    let mut client = Command::new("mariadb");
    client.args(LOGIN).arg(format!("--socket={SOCKET}")).arg(SETTINGS);
    client.args(["--batch", "--skip-column-names", "--default-character-set=utf8mb4"]).args(more);
    client.stderr(Stdio::null());
    client
}

fn counted<'a>(items: impl Iterator<Item = &'a [u8]>) -> Rows {
    let mut rows = Rows::new();
    for item in items {
        *rows.entry(item.to_vec()).or_default() += 1;
    }
    rows
}

/// Tables that the next start empties.
const MEMORY: &str = "--execute=SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME, '\t') FROM \
                      information_schema.TABLES WHERE ENGINE = 'MEMORY'";

/// All rows of the server that outlive it, as the playbook lists them.
pub fn rows() -> Result<Rows> {
    let shipped = library::find("mariadb", &[])?;
    let program = shipped.programs().iter().find(|it| it.name().ends_with("rows.sql"));
    let program = program.context("the playbook has no rows.sql")?;
    let statements = run(&mut client(&["--raw"]), program.bytes())?;
    let printed = run(&mut client(&["--binary-mode", "--quick"]), &statements)?;
    let memory = run(&mut client(&["--raw", MEMORY]), b"")?;
    let memory: Vec<&[u8]> =
        memory.split(|byte| *byte == b'\n').filter(|name| !name.is_empty()).collect();
    let lasts = |line: &&[u8]| !line.is_empty() && !memory.iter().any(|it| line.starts_with(it));
    Ok(counted(printed.split(|byte| *byte == b'\n').filter(lasts)))
}

/// Looks at the list that the upgraded version gave. `before`: its rows at the upgrade. `after`: at
/// the way back. Returns what it was of, in words.
pub fn look(change: &Change, before: &Rows, after: &Rows) -> Result<String> {
    let state = change.state()?;
    let Some(Output::Inventory { items, .. }) =
        state.outputs.get(&StepId::of(Family::Touched, "rows"))
    else {
        return Ok("all rows were compared".into());
    };
    let folder = fs::read_dir(change.layout().inventory())?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| inventory::touched(path, "rows").exists())
        .max()
        .context("no list of what was touched")?;
    let list = lines::of(&inventory::existing(&folder, "rows", Side::Upgraded))?;
    let list: Vec<Vec<u8>> = list.split(b'\n').collect::<Result<_, _>>()?;
    let listed = counted(list.iter().map(Vec::as_slice));
    let more = |one: &Rows, other: &Rows| -> Vec<String> {
        one.iter()
            .filter(|(item, count)| other.get(*item).copied().unwrap_or_default() < **count)
            .take(5)
            .map(|(item, _)| String::from_utf8_lossy(item).into_owned())
            .collect()
    };
    let strange = more(&listed, after);
    ensure!(strange.is_empty(), "compared, and not there: {strange:#?}");
    let changed: Rows = after
        .iter()
        .filter(|(item, count)| before.get(*item) != Some(*count))
        .map(|(item, count)| (item.clone(), *count))
        .collect();
    let left = more(&changed, &listed);
    ensure!(left.is_empty(), "changed, and not compared before the opening: {left:#?}");
    Ok(format!(
        "{} of {} rows were compared, {} of them changed, {items} keys and tables",
        list.len(),
        after.values().sum::<usize>(),
        changed.len()
    ))
}
