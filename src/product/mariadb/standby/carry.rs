//! Carries whole what a feed could not carry faithfully, from the upgraded server to the standby.

use std::fs::OpenOptions;
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::whole::{Item, inserts, load};
use super::Notes;
use crate::host::files::{private_dir, stat_optional};
use crate::product::stream::{HelperError, Streams};

/// How many bytes of a table are written out and loaded again in a second, at least.
const BYTES_A_SECOND: u64 = 10 << 20;

/// Carries tables whole: `mariadb-feed-carry FOLDER ROWS FROM TO DUMP CLIENT [OPTION...]`. FOLDER
/// has the feed's notes, ROWS is the program that prints a table's rows, FROM and TO are the sockets
/// of the servers, DUMP and CLIENT programs. Both servers must be at one position.
pub(in crate::product) fn carry(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [folder, rows, from, to, dump, client, options @ ..] = arguments else {
        return Err(HelperError::usage(
            "mariadb-feed-carry FOLDER ROWS FROM TO DUMP CLIENT [OPTION...]",
        ));
    };
    let notes = Notes::open(folder)?;
    let with = |socket: &str| {
        let mut all = options.to_vec();
        all.push(format!("--socket={socket}"));
        all
    };
    let (from, to) = (with(from), with(to));
    let program = std::fs::read(rows).map_err(|error| failed("cannot read the program", error))?;
    for table in notes.whole.keys() {
        let (item, at) = (Item(table.clone()), notes.item()?);
        if write_out(&item, &program, &at.join("rows.sql"), client, &from)? {
            let words = [item.to_string(), at.display().to_string(), dump.clone(), client.clone()];
            load(&[words.as_slice(), to.as_slice()].concat(), streams)?;
            writeln!(streams.output, "{item}").map_err(HelperError::Output)?;
        }
    }
    notes.item().map(drop)
}

/// Fails if carrying whole would take too long: `mariadb-feed-check FOLDER SECONDS CLIENT
/// [ARGUMENT...]`. CLIENT asks the upgraded server.
pub(in crate::product) fn check(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage("mariadb-feed-check FOLDER SECONDS CLIENT [ARGUMENT...]");
    let [folder, seconds, client, options @ ..] = arguments else { return Err(usage()) };
    let limit: u64 = seconds.parse().map_err(|_| usage())?;
    let notes = Notes::open(folder)?;
    if notes.whole.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = notes
        .whole
        .keys()
        .map(|(schema, table)| {
            let hex = |name: &[u8]| format!("CONVERT(X'{}' USING utf8mb4)", hex::encode(name));
            format!("(TABLE_SCHEMA = {} AND TABLE_NAME = {})", hex(schema), hex(table))
        })
        .collect();
    let text = format!(
        "SET sql_log_bin = 0; SELECT IFNULL(SUM(DATA_LENGTH), 0) FROM information_schema.TABLES \
         WHERE {};\n",
        names.join(" OR ")
    );
    let said = ask(client, options, text.as_bytes())?;
    let bytes: u64 = String::from_utf8_lossy(&said).trim().parse().map_err(|_| {
        HelperError::Failed("the upgraded server did not say how large its tables are".into())
    })?;
    let needed = bytes / BYTES_A_SECOND + notes.whole.len() as u64 / 10;
    writeln!(streams.output, "{} {bytes} {needed}", notes.whole.len())
        .map_err(HelperError::Output)?;
    if needed <= limit {
        return Ok(());
    }
    let first: Vec<String> =
        notes.whole.keys().take(5).map(|table| Item(table.clone()).to_string()).collect();
    let more = if notes.whole.len() > 5 { ", …" } else { "" };
    Err(HelperError::Failed(format!(
        "{} tables ({} MB) have to be carried whole while clients wait, which would take about \
         {needed} s: {}{more}",
        notes.whole.len(),
        bytes >> 20,
        first.join(", ")
    )))
}

fn failed(what: &str, error: io::Error) -> HelperError {
    HelperError::Failed(format!("{what}: {error}"))
}

/// What both statements about a table are read with.
const SETTINGS: &str = "--init-command=SET time_zone = '+00:00', sql_mode = '', \
                        group_concat_max_len = 67108864, max_statement_time = 0, sql_log_bin = 0";

fn client_of(client: &str, options: &[String]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "its output is read to its end")]
    let mut command = Command::new(client);
    command
        .args(options)
        .args(["--batch", "--raw", "--skip-column-names", "--binary-mode", "--quick"])
        .args(["--default-character-set=utf8mb4", "--max-allowed-packet=1G", SETTINGS]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Runs a client on a text, and returns what it printed.
fn ask(client: &str, options: &[String], text: &[u8]) -> Result<Vec<u8>, HelperError> {
    let mut said = Vec::new();
    talk(client, options, text, |output| output.read_to_end(&mut said).map(drop))?;
    Ok(said)
}

/// Runs a client on a text, which is not longer than a pipe, or which it prints nothing for before
/// it has read it.
fn talk(
    client: &str,
    options: &[String],
    text: &[u8],
    read: impl FnOnce(&mut std::process::ChildStdout) -> io::Result<()>,
) -> Result<(), HelperError> {
    let cannot = |error| failed(&format!("cannot talk with {client}"), error);
    let mut child = client_of(client, options).spawn().map_err(cannot)?;
    let (Some(mut input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(cannot(io::ErrorKind::BrokenPipe.into()));
    };
    let done = std::thread::scope(|scope| {
        // A client that ends early says so by its status.
        scope.spawn(move || drop(input.write_all(text)));
        read(&mut output)
    });
    // Whatever is not read would keep it.
    let rest = io::copy(&mut output, &mut io::sink());
    let status = child.wait().map_err(cannot)?;
    if !status.success() {
        return Err(HelperError::Failed(format!("the client ended with {status}")));
    }
    done.and(rest.map(drop)).map_err(cannot)
}

/// Writes the rows of a table as statements. Whether there is such a table.
fn write_out(
    item: &Item,
    program: &[u8],
    to: &Path,
    client: &str,
    options: &[String],
) -> Result<bool, HelperError> {
    let mut text = Vec::new();
    let mut streams = Streams { input: &mut &*program, output: &mut text };
    super::super::whole::item(&[item.to_string()], &mut streams)?;
    let statements = ask(client, options, &text)?;
    if statements.is_empty() {
        return Ok(false);
    }
    let path = to.display();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| failed(&format!("cannot write {path}"), error))?;
    let mut written = Ok(());
    talk(client, options, &statements, |output| {
        let mut input = BufReader::with_capacity(1 << 18, output);
        written = inserts(&[], &mut Streams { input: &mut input, output: &mut file });
        Ok(())
    })?;
    written.map(|()| true)
}

impl Notes {
    /// An empty folder for one table.
    fn item(&self) -> Result<std::path::PathBuf, HelperError> {
        let path = self.folder().join("item");
        let cannot = |error| failed(&format!("cannot empty {}", path.display()), error);
        if stat_optional(&path).map_err(cannot)?.is_some() {
            std::fs::remove_dir_all(&path).map_err(cannot)?;
        }
        private_dir(&path).map_err(cannot)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::tests::on;

    #[test]
    fn what_would_take_too_long_is_said_before_clients_wait() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().display().to_string();
        let check = |limit: &str| {
            let server = "cat >/dev/null; echo 524288000";
            on("mariadb-feed-check", &[&folder, limit, "sh", "-c", server], b"")
        };
        assert_eq!(check("0").expect("nothing to carry"), b"");
        let mut notes = Notes::open(&folder).expect("made");
        notes.whole(&(b"shop".to_vec(), b"hits".to_vec()), true, "MyISAM").expect("noted");
        assert_eq!(check("60").expect("in time"), b"1 524288000 50\n");
        assert_eq!(
            check("20").unwrap_err(),
            "1 tables (500 MB) have to be carried whole while clients wait, which would take \
             about 50 s: shop.hits"
        );
    }
}
