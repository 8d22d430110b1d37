//! A slot for logical decoding, made together with a snapshot of what was there before it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Stdio};

use super::client::{Client, conninfo, quoted};
use super::failed;
use crate::product::stream::HelperError;

/// A snapshot that exists as long as this value does.
#[derive(Debug)]
pub(super) struct Exported {
    name: String,
    session: Child,
}

impl Exported {
    /// Makes the slot; waits until no transaction runs that began before.
    pub(super) fn with_slot(
        client: &Client,
        database: &str,
        slot: &str,
    ) -> Result<Self, HelperError> {
        let cannot = |error| failed("cannot talk with psql", error);
        let mut psql = client.psql_to(&format!("{} replication=database", conninfo(database)));
        psql.args(["--set=ON_ERROR_STOP=1", "--file=-"]);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut session = psql.spawn().map_err(cannot)?;
        let (mut line, mut said) = (String::new(), String::new());
        let (input, output) = (session.stdin.as_mut(), session.stdout.as_mut());
        if let (Some(input), Some(output)) = (input, output) {
            let slot = quoted(slot);
            let sql = format!("CREATE_REPLICATION_SLOT {slot} LOGICAL pgoutput EXPORT_SNAPSHOT;\n");
            input.write_all(sql.as_bytes()).map_err(cannot)?;
            BufReader::new(output).read_line(&mut line).map_err(cannot)?;
        }
        let exported = line.split('\t').nth(2).map(str::to_owned);
        if let Some(name) = exported {
            return Ok(Self { name, session });
        }
        let _ = session.kill();
        if let Some(mut errors) = session.stderr.take() {
            let _ = errors.read_to_string(&mut said);
        }
        let _ = session.wait();
        let said = said.trim();
        Err(HelperError::Failed(format!("no slot could be made in {database:?}: {said}")))
    }

    /// What `pg_dump --snapshot` takes.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        // It ends when it has read everything.
        drop(self.session.stdin.take());
        let _ = self.session.wait();
    }
}
