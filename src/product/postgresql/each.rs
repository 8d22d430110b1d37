//! Lists: a file of SQL in every database.

use std::fs::File;
use std::process::Stdio;

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
        [once, file] if once == "--once" => list(&client, "template1", file, streams),
        [file] => {
            for (database, open) in client.databases()? {
                if !open {
                    return Err(HelperError::Failed(format!(
                        "nobody can connect to the database {database:?}, so what it has cannot be \
                         listed"
                    )));
                }
                list(&client, &database, file, streams)?;
            }
            Ok(())
        }
        _ => Err(usage()),
    }
}

pub(super) fn list(
    client: &Client,
    database: &str,
    file: &str,
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    // The account that asks may not be allowed to open it.
    let script = File::open(file).map_err(|error| failed(file, error))?;
    let mut child = client
        .psql(database)
        .args(["--set=ON_ERROR_STOP=1", "--set=FETCH_COUNT=10000", "--file=-"])
        .stdin(script)
        .env("PGCLIENTENCODING", "UTF8")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed("cannot start psql", error))?;
    let mut printed = Ok(0);
    if let Some(mut output) = child.stdout.take() {
        printed = std::io::copy(&mut output, streams.output);
    }
    let status = child.wait().map_err(|error| failed("psql cannot be waited for", error))?;
    printed.map_err(HelperError::Output)?;
    if status.success() {
        return Ok(());
    }
    Err(HelperError::Failed(format!("the list of the database {database:?} failed: {status}")))
}
