//! Lists: a file of SQL in every database.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::at_once::on_each_processor;
use super::client::{Client, USAGE};
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
    let client = client.quietly()?;
    match rest {
        [once, file] if once == "--once" => {
            lists(&client, &[("template1".to_owned(), file.into())], streams)
        }
        [file] => {
            let mut all = Vec::new();
            for (database, open) in client.databases()? {
                if !open {
                    return Err(HelperError::Failed(format!(
                        "nobody can connect to the database {database:?}, so what it has cannot be \
                         listed"
                    )));
                }
                all.push((database, file.into()));
            }
            lists(&client, &all, streams)
        }
        _ => Err(usage()),
    }
}

/// About so many bytes of a list are handed on at once.
const PART: usize = 64 << 10;

/// Prints what each of these files of SQL returns in its database. Lines stay whole; those of several
/// databases come in any order.
pub(super) fn lists(
    client: &Client,
    all: &[(String, PathBuf)],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let (parts, printed) = sync_channel::<Vec<u8>>(16);
    std::thread::scope(|scope| {
        // It must end when nothing more is sent.
        let asked = scope.spawn(move || {
            on_each_processor(all, |(database, file)| list(client, database, file, &parts))
        });
        for part in printed {
            // Nobody reads the rest: psql ends by itself.
            streams.output.write_all(&part).map_err(HelperError::Output)?;
        }
        let broken = |_| Err(HelperError::Failed("a thread has ended without a result".into()));
        asked.join().unwrap_or_else(broken)
    })
}

fn list(
    client: &Client,
    database: &str,
    file: &Path,
    parts: &SyncSender<Vec<u8>>,
) -> Result<(), HelperError> {
    // The account that asks may not be allowed to open it.
    let script = File::open(file).map_err(|error| failed(file.display(), error))?;
    let mut child = client
        .psql(database)
        .args(["--set=ON_ERROR_STOP=1", "--set=FETCH_COUNT=10000", "--file=-"])
        .stdin(script)
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
    Err(HelperError::Failed(format!("the list of the database {database:?} failed: {status}")))
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
