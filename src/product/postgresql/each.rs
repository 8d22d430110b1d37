//! Lists: a file of SQL in every database.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, Write as _};
use std::process::Stdio;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::at_once::{at_once, processors};
use super::client::{Client, USAGE, connect};
use super::failed;
use crate::product::stream::{HelperError, Streams};

/// `postgresql-each SERVER [--once] FILE`: prints what the SQL in the file returns, in each
/// database, or once.
pub(in crate::product) fn each(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage(&format!("postgresql-each {USAGE} [--once] FILE"));
    let (client, rest) = Client::parse(arguments)?;
    let read = |file: &str| fs::read_to_string(file).map_err(|error| failed(file, error));
    match rest {
        [once, file] if once == "--once" => {
            lists(&client.quietly()?, &[("template1".to_owned(), read(file)?)], streams)
        }
        [file] => {
            let (client, databases) = client.quietly_with_databases()?;
            let sql = read(file)?;
            let mut all = Vec::new();
            for (database, open) in databases {
                if !open {
                    return Err(HelperError::Failed(format!(
                        "nobody can connect to the database {database:?}, so what it has cannot be \
                         listed"
                    )));
                }
                all.push((database, sql.clone()));
            }
            lists(&client, &all, streams)
        }
        _ => Err(usage()),
    }
}

/// About so many bytes of a list are handed on at once.
const PART: usize = 64 << 10;

/// Prints what the SQL returns that stands with each of these databases. Lines stay whole; those of
/// several databases come in any order.
pub(super) fn lists(
    client: &Client,
    all: &[(String, String)],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (parts, printed) = sync_channel::<Vec<u8>>(16);
    // The start of a psql takes longer than many a list: one for each processor.
    let some: Vec<&[(String, String)]> =
        all.chunks(all.len().div_ceil(processors()).max(1)).collect();
    std::thread::scope(|scope| {
        // It must end when nothing more is sent.
        let asked = scope.spawn(move || at_once(&some, |some| list(client, some, &parts)));
        for part in printed {
            // Nobody reads the rest: psql ends by itself.
            streams.output.write_all(&part).map_err(HelperError::Output)?;
        }
        let broken = |_| Err(HelperError::Failed("a thread has ended without a result".into()));
        asked.join().unwrap_or_else(broken)
    })
}

/// The same, one database after the other.
fn list(
    client: &Client,
    some: &[(String, String)],
    parts: &SyncSender<Vec<u8>>,
) -> Result<(), HelperError> {
    let Some((first, _)) = some.first() else { return Ok(()) };
    let mut child = client
        .psql(first)
        .args(["--set=ON_ERROR_STOP=1", "--set=FETCH_COUNT=10000", "--file=-"])
        .stdin(script(some).map_err(|error| failed("cannot write a temporary file", error))?)
        .env("PGCLIENTENCODING", "UTF8")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed("cannot start psql", error))?;
    let printed = child.stdout.take().map_or(Ok(()), |output| hand_on(output, parts));
    let status = child.wait().map_err(|error| failed("psql cannot be waited for", error))?;
    printed.map_err(|error| failed("what psql printed", error))?;
    if status.success() {
        return Ok(());
    }
    let names: Vec<String> = some.iter().map(|(name, _)| format!("{name:?}")).collect();
    let which = if names.len() == 1 { "the database" } else { "one of the databases" };
    Err(HelperError::Failed(format!("the list of {which} {} failed: {status}", names.join(", "))))
}

/// What psql reads for that: a file, since the account that asks may not be allowed to open one by
/// its name.
fn script(some: &[(String, String)]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    for (at, (database, sql)) in some.iter().enumerate() {
        if at > 0 {
            file.write_all(connect(database).as_bytes())?;
        }
        file.write_all(sql.as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.rewind()?;
    Ok(file)
}

/// Hands on what is read, line by line, until nobody takes it.
fn hand_on(output: impl Read, parts: &SyncSender<Vec<u8>>) -> io::Result<()> {
    let mut output = BufReader::with_capacity(PART, output);
    loop {
        let mut part = Vec::with_capacity(PART + 1024);
        (&mut output).take(PART as u64).read_to_end(&mut part)?;
        if part.is_empty() {
            return Ok(());
        }
        if part.last() != Some(&b'\n') {
            output.read_until(b'\n', &mut part)?;
        }
        if parts.send(part).is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psql_goes_on_in_the_next_database() {
        let one = |name: &str, sql: &str| (name.to_owned(), sql.to_owned());
        let all = [one("shop", "SELECT 1;"), one("it's \\ a\nname", "SELECT 2;")];
        let mut text = String::new();
        script(&all).expect("written").read_to_string(&mut text).expect("read");
        // For libpq \' and \\; within psql's quotes each of these once more.
        let name = r"dbname=''it\\''s \\\\ a\nname''";
        assert_eq!(text, format!("SELECT 1;\n\\connect '{name}'\nSELECT 2;\n"));
    }

    #[test]
    fn a_part_ends_with_its_last_line() {
        let line = |length: usize| format!("{}\n", "x".repeat(length));
        let text = [line(PART - 1), line(10), line(3 * PART), line(0), "cut off".into()].concat();
        let (parts, printed) = sync_channel(16);
        hand_on(text.as_bytes(), &parts).expect("read");
        drop(parts);
        let all: Vec<Vec<u8>> = printed.iter().collect();
        assert!(all.len() > 2);
        assert!(all[..all.len() - 1].iter().all(|part| part.last() == Some(&b'\n')));
        assert_eq!(all.concat(), text.as_bytes());
        // Nobody takes it.
        let (parts, printed) = sync_channel(1);
        drop(printed);
        hand_on(text.as_bytes(), &parts).expect("no error of its own");
    }
}
