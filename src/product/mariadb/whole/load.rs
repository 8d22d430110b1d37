//! Puts rows that were written out in the place of those that a table has.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::name::{quoted, shown_table, value};
use super::Item;
use crate::host::files::{stat_optional, write_atomic};
use crate::product::stream::{HelperError, Streams};

/// What the statements are carried out with. Nothing of it stands in the log: the position must
/// not move.
pub(in super::super) const SETTINGS: &str = "\
SET NAMES utf8mb4;
SET SESSION sql_log_bin = 0, foreign_key_checks = 0, check_constraint_checks = 0;
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', max_statement_time = 0;
SET SESSION system_versioning_insert_history = 1;
";

/// Loads a table: `mariadb-load ITEM FOLDER DUMP CLIENT OPTION...`. `FOLDER/rows.sql` has its rows.
/// DUMP and CLIENT are programs; the options are for both. Triggers are away while the rows come,
/// kept in `FOLDER/triggers.sql`. A table that is not there was rejected by name: nothing is loaded.
pub(in crate::product) fn load(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage("mariadb-load ITEM FOLDER DUMP CLIENT OPTION...");
    let [text, folder, dump, client, options @ ..] = arguments else { return Err(usage()) };
    let item = Item::parse(text)
        .ok_or_else(|| HelperError::Usage(format!("{text:?} is no name of a table")))?;
    let folder = Path::new(folder);
    let (rows, triggers) = (folder.join("rows.sql"), folder.join("triggers.sql"));
    let failed = |what: &str, error: io::Error| HelperError::Failed(format!("{what}: {error}"));
    // Behind an interruption they may be away already.
    let kept = stat_optional(&triggers).map_err(|error| failed("cannot look at them", error))?;
    if kept.is_none() {
        let Some(saved) = triggers_of(&item, dump, options)? else { return Ok(()) };
        write_atomic(&triggers, &saved).map_err(|error| failed("cannot save triggers", error))?;
    }
    let saved = std::fs::read(&triggers).map_err(|error| failed("cannot read triggers", error))?;
    let mut begin = SETTINGS.to_owned().into_bytes();
    begin.extend_from_slice(&[b"USE ", quoted(&item.0.0).as_slice(), b";\n"].concat());
    begin.extend_from_slice(without_triggers(&item).as_bytes());
    begin.extend_from_slice(emptied(&item).as_bytes());
    let mut rows = File::open(&rows).map_err(|error| failed("cannot read rows.sql", error))?;
    talk(client, options, |input| {
        input.write_all(&begin)?;
        io::copy(&mut rows, input)?;
        input.write_all(&saved)
    })
}

/// Drops a table's triggers. `mariadb-dump --add-drop-trigger` does not quote their names.
pub(in super::super) fn without_triggers(item: &Item) -> String {
    let (schema, table) = (value(&item.0.0), value(&item.0.1));
    let of = format!(
        "FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {schema} AND \
         EVENT_OBJECT_TABLE = {table}"
    );
    format!(
        "DELIMITER //\nBEGIN NOT ATOMIC\n  WHILE EXISTS (SELECT 1 {of}) DO\n    SET @drop = \
         (SELECT CONCAT('DROP TRIGGER `', REPLACE(TRIGGER_NAME, '`', '``'), '`') {of} LIMIT 1);\n    \
         EXECUTE IMMEDIATE @drop;\n  END WHILE;\nEND//\nDELIMITER ;\n"
    )
}

/// Empties a table, with its history.
pub(in super::super) fn emptied(item: &Item) -> String {
    let table = shown_table(&item.0);
    // TRUNCATE makes the indexes anew; it refuses a table that keeps its history.
    format!(
        "DELIMITER //\nBEGIN NOT ATOMIC\n  DECLARE EXIT HANDLER FOR 4137 BEGIN\n    DELETE FROM \
         {table};\n    DELETE HISTORY FROM {table};\n  END;\n  TRUNCATE TABLE {table};\nEND//\n\
         DELIMITER ;\n"
    )
}

/// The statements that make a table's triggers.
///
/// # Errors
/// When they cannot be asked for.
#[expect(
    clippy::disallowed_methods,
    reason = "it reads what the program prints, which ends by itself"
)]
pub(in super::super) fn triggers_of(
    item: &Item,
    dump: &str,
    options: &[String],
) -> Result<Option<Vec<u8>>, HelperError> {
    let (schema, table) = &item.0;
    let output = Command::new(dump)
        .args(options)
        .args(["--no-data", "--no-create-info", "--triggers", "--skip-add-drop-trigger"])
        .args(["--skip-comments", "--skip-lock-tables", "--default-character-set=utf8mb4", "--"])
        .arg(String::from_utf8_lossy(schema).as_ref())
        .arg(String::from_utf8_lossy(table).as_ref())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| HelperError::Failed(format!("cannot start {dump}: {error}")))?;
    if output.status.success() {
        return Ok(Some(output.stdout));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if ["Couldn't find table", "Unknown database"].iter().any(|it| said.contains(it)) {
        return Ok(None);
    }
    Err(HelperError::Failed(format!("the triggers could not be saved: {}", said.trim())))
}

#[expect(
    clippy::disallowed_methods,
    reason = "it talks with the client, which ends with the pipe between them"
)]
fn talk(
    client: &str,
    options: &[String],
    work: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<(), HelperError> {
    let failed =
        |error: io::Error| HelperError::Failed(format!("cannot talk with {client}: {error}"));
    let mut child = Command::new(client)
        .args(options)
        .args(["--batch", "--binary-mode", "--skip-reconnect", "--max-allowed-packet=1G"])
        .arg("--default-character-set=utf8mb4")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut input = child.stdin.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
    let sent = work(&mut input).and_then(|()| input.flush());
    drop(input);
    let status = child.wait().map_err(failed)?;
    // What it said about its end says more than a broken pipe.
    if !status.success() {
        return Err(HelperError::Failed(format!("the client ended with {status}")));
    }
    sent.map_err(failed)
}
