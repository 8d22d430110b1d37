//! Lists: a file of SQL in every database.

use std::io::Read as _;
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

fn list(
    client: &Client,
    database: &str,
    file: &str,
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let mut child = client
        .command("psql", database)
        .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator=\t"])
        .args(["--set=ON_ERROR_STOP=1", "--set=FETCH_COUNT=10000", "--file", file])
        .env("PGCLIENTENCODING", "UTF8")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed("cannot start psql", error))?;
    let mut printed = Ok(());
    if let Some(output) = &mut child.stdout {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    if let Err(error) = streams.output.write_all(&buffer[..count]) {
                        printed = Err(HelperError::Output(error));
                        break;
                    }
                }
                Err(error) => {
                    printed = Err(HelperError::Input(error));
                    break;
                }
            }
        }
    }
    drop(child.stdout.take());
    let status = child.wait().map_err(|error| failed("psql cannot be waited for", error))?;
    printed?;
    if status.success() {
        return Ok(());
    }
    Err(HelperError::Failed(format!("the list of the database {database:?} failed: {status}")))
}
