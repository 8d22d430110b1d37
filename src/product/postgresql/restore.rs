//! A dump of a newer server, loaded into an older one.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::capture::{Dumped, read};
use super::client::{Client, USAGE, quoted, run};
use super::failed;
use super::globals::{Told, Translator, label};
use super::list::Parts;
use super::rejects::{MARK, Refused, is_clean, of_restore, of_statements};
use super::statements::statements;
use crate::product::stream::{HelperError, Streams};

/// Takes everything out of a server: databases, roles, settings.
const EMPTY: &str = include_str!("../../../playbooks/postgresql/empty.sql");
/// The database that we are in meanwhile: each of the others comes anew.
const OURS: &str = "backout_restore";

/// How a dump is loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// Connections at the same time.
    pub(super) jobs: usize,
    /// Nothing is there that a tablespace could lie on, and nobody will ask this server.
    pub(super) rehearsal: bool,
}

/// `postgresql-restore SERVER [--past-rejects] [--jobs=N] FILE...`: everything that the server has
/// goes, and the dump comes in its place. The programs are the newer version's.
pub(in crate::product) fn restore(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (client, mut rest) = Client::parse(arguments)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (mut how, mut past) = (How { jobs: cores.min(8), rehearsal: false }, false);
    while let [first, more @ ..] = rest {
        match first.strip_prefix("--jobs=").map(str::parse) {
            Some(Ok(jobs)) => how.jobs = jobs,
            None if first == "--past-rejects" => (past, how.jobs) = (true, 1),
            None if !first.starts_with("--") => break,
            _ => {
                let usage = "postgresql-restore SERVER [--past-rejects] [--jobs=N] FILE...";
                return Err(HelperError::usage(&format!("{usage}, where SERVER is {USAGE}")));
            }
        }
        rest = more;
    }
    let (globals, databases) = read(rest)?;
    let refused = load(&client, how, &globals, &databases)?;
    if !refused.faults.is_empty() {
        return Err(HelperError::Failed(format!(
            "the dump could not be loaded: {}",
            refused.faults.join("; ")
        )));
    }
    for item in &refused.items {
        writeln!(streams.output, "rejected: {item}").map_err(HelperError::Output)?;
    }
    match refused.items.len() {
        0 => Ok(()),
        _ if past => Ok(()),
        count => Err(HelperError::Failed(format!(
            "the previous version rejects {count} of what the dump has"
        ))),
    }
}

/// Loads a dump; what the server did not take.
pub(super) fn load(
    client: &Client,
    how: How,
    globals: &Path,
    databases: &[Dumped],
) -> Result<Refused, HelperError> {
    empty(client)?;
    let mut refused = Refused::default();
    let mut translator = Translator::default();
    let text = fs::read_to_string(globals).map_err(|error| failed(globals.display(), error))?;
    let there = existing(client)?;
    let all = statements(&text).into_iter().filter_map(|sql| of_globals(sql, &there, how));
    refused.extend(tell(client, OURS, all, &mut translator)?);
    for one in databases {
        refused.extend(database(client, how, one, &mut translator)?);
    }
    client.query("template1", &format!("DROP DATABASE {OURS} WITH (FORCE)"))?;
    if !how.rehearsal {
        // The old server's planner knows nothing of these tables yet.
        let mut analyze = client.program("vacuumdb");
        analyze.args(["--all", "--analyze-only", "--quiet", &format!("--jobs={}", how.jobs)]);
        run("vacuumdb", &mut analyze)?;
    }
    Ok(refused)
}

/// Takes everything out of the server but for a database of ours.
fn empty(client: &Client) -> Result<(), HelperError> {
    // Of an attempt that was interrupted, any of them may be left.
    let known = [OURS, "template1", "postgres"];
    let inside = known.iter().find(|name| client.query(name, "SELECT 1").is_ok());
    let inside = inside.ok_or_else(|| {
        let why = client.query("template1", "SELECT 1").err();
        HelperError::Failed(format!(
            "the server cannot be asked: {}",
            why.map(|error| error.to_string()).unwrap_or_default()
        ))
    })?;
    if *inside != OURS {
        client.query(inside, &format!("CREATE DATABASE {OURS} TEMPLATE template0"))?;
    }
    let said = client.tells(OURS, true, EMPTY)?;
    match said.0 {
        true => Ok(()),
        false => Err(HelperError::Failed(format!(
            "what the server had could not be taken out: {}",
            said.1.trim()
        ))),
    }
}

/// Roles and tablespaces that are there.
fn existing(client: &Client) -> Result<HashSet<String>, HelperError> {
    let sql = "SELECT 'CREATE ROLE ' || quote_ident(rolname) FROM pg_roles UNION ALL \
        SELECT 'CREATE TABLESPACE ' || quote_ident(spcname) FROM pg_tablespace";
    Ok(client.query(OURS, sql)?.lines().map(str::to_owned).collect())
}

/// A statement of the globals, unless what it makes is there.
fn of_globals(sql: String, there: &HashSet<String>, how: How) -> Option<String> {
    let made = sql.split(" OWNER ").next().unwrap_or_default().trim_end_matches(';');
    if there.contains(made) {
        return None;
    }
    if how.rehearsal && made.starts_with("CREATE TABLESPACE ") {
        return Some(format!("SET allow_in_place_tablespaces = on; {made} LOCATION '';"));
    }
    Some(sql)
}

/// Gives statements to the server, each in the words that it knows.
fn tell(
    client: &Client,
    database: &str,
    all: impl Iterator<Item = String>,
    translator: &mut Translator,
) -> Result<Refused, HelperError> {
    let (mut text, mut labels, mut refused) = (String::new(), Vec::new(), Refused::default());
    for sql in all {
        let Told { sql: told, lost } = translator.tell(&sql);
        if let Some(lost) = lost {
            refused.items.push(format!("{lost}: the previous version has no such words"));
        }
        let Some(told) = told else { continue };
        text.push_str(&format!("\\warn {MARK}{}\n{told}\n", labels.len()));
        labels.push(label(&sql));
    }
    let (done, said) = client.tells(database, false, &text)?;
    let mut answer = of_statements(&labels, &said);
    if !done && answer.faults.is_empty() {
        answer.faults.push(said.trim().lines().last().unwrap_or("psql failed").to_owned());
    }
    refused.extend(answer);
    Ok(refused)
}

/// Loads one database.
fn database(
    client: &Client,
    how: How,
    one: &Dumped,
    translator: &mut Translator,
) -> Result<Refused, HelperError> {
    let cannot = |error: std::io::Error| failed("cannot make a temporary file", error);
    let list = |text: &str| -> Result<_, HelperError> {
        let mut file = tempfile::NamedTempFile::new().map_err(cannot)?;
        file.write_all(text.as_bytes()).map_err(cannot)?;
        Ok(file)
    };
    let text = |words: &[&str]| -> Result<String, HelperError> {
        let mut restore = client.program("pg_restore");
        let output = run("pg_restore", restore.args(words).arg(&one.file))?;
        String::from_utf8(output).map_err(|error| failed("pg_restore did not print text", error))
    };
    let parts = Parts::of(&text(&["--list", "--create"])?);
    let gone = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(&one.name));
    client.query(OURS, &gone)?;
    let (itself, main) = (list(&parts.database)?, list(&parts.main)?);
    let made = text(&["--create", "--file=-", &used(itself.path())])?;
    let mut refused = tell(client, OURS, statements(&made).into_iter(), translator)?;
    if client.query(&one.name, "SELECT 1").is_err() {
        if refused.items.is_empty() && refused.faults.is_empty() {
            refused.faults.push(format!("database {:?} was not made", one.name));
        }
        refused.items.push(format!("database {:?}: all that it has", one.name));
        return Ok(refused);
    }
    if how.jobs > 1 {
        let said = entries(client, how, one, main.path())?;
        if !is_clean(&said) {
            // Once more, from an empty database: over one connection it says what it is about.
            return database(client, How { jobs: 1, ..how }, one, translator);
        }
    } else {
        refused.extend(of_restore(&one.name, &entries(client, how, one, main.path())?));
    }
    let privileges = list(&parts.privileges)?;
    let told = text(&["--file=-", &used(privileges.path())])?;
    let told = statements(&told).into_iter();
    let of = format!("database {:?}: ", one.name);
    let mut answer = tell(client, &one.name, told, translator)?;
    for item in &mut answer.items {
        item.insert_str(0, &of);
    }
    refused.extend(answer);
    let last = entries(client, How { jobs: 1, ..how }, one, list(&parts.last)?.path())?;
    refused.extend(of_restore(&one.name, &last));
    Ok(refused)
}

fn used(list: &Path) -> String {
    format!("--use-list={}", list.display())
}

/// Restores the entries of a list, and returns what was said to that.
fn entries(client: &Client, how: How, one: &Dumped, list: &Path) -> Result<String, HelperError> {
    let mut restore = client.command("pg_restore", &one.name);
    if how.jobs == 1 {
        // Otherwise it does not say which entry an error is about.
        restore.arg("--verbose");
    }
    let output = restore
        .arg(format!("--jobs={}", how.jobs))
        .arg(used(list))
        .arg(&one.file)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| failed("cannot start pg_restore", error))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // It fails for the one setting that the older server does not know, too.
    if !output.status.success() && !said.contains("error: ") {
        return Err(HelperError::Failed(format!("pg_restore failed: {}", output.status)));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_made_again() {
        let there = ["CREATE ROLE postgres", "CREATE TABLESPACE \"a b\""].map(str::to_owned);
        let there = HashSet::from(there);
        let how = How { jobs: 1, rehearsal: false };
        let told = |sql: &str, how| of_globals(sql.to_owned(), &there, how);
        assert_eq!(told("CREATE ROLE postgres;", how), None);
        assert_eq!(told("CREATE TABLESPACE \"a b\" OWNER x LOCATION '/x';", how), None);
        let role = "CREATE ROLE postgres2;";
        assert_eq!(told(role, how).as_deref(), Some(role));
        let rehearsal = How { rehearsal: true, ..how };
        let in_place = "SET allow_in_place_tablespaces = on; CREATE TABLESPACE c LOCATION '';";
        let told = told("CREATE TABLESPACE c OWNER x LOCATION '/y';", rehearsal);
        assert_eq!(told.as_deref(), Some(in_place));
    }
}
