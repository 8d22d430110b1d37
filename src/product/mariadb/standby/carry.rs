//! Carries whole what a feed could not carry faithfully, from the upgraded server to the standby.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::process::{Command, Stdio};

use super::super::name::{of_hex, quoted, value};
use super::super::whole::{Item, SETTINGS, emptied, inserts, triggers_of, without_triggers};
use super::Notes;
use crate::product::stream::{HelperError, Streams, next_line};

/// How many bytes of a table are written out and loaded again in a second, at least.
const BYTES_A_SECOND: u64 = 10 << 20;

/// Carries tables whole: `mariadb-feed-carry FOLDER ROWS FROM TO DUMP CLIENT [OPTION...]`. FOLDER
/// has the feed's notes, ROWS is the program that prints a table's rows, FROM and TO are the sockets
/// of the servers, DUMP and CLIENT programs. Both servers must be at one position. Rows and triggers
/// are those of FROM, so that it may be interrupted and run again.
pub(in crate::product) fn carry(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [folder, rows, from, to, dump, client, options @ ..] = arguments else {
        return Err(HelperError::usage(
            "mariadb-feed-carry FOLDER ROWS FROM TO DUMP CLIENT [OPTION...]",
        ));
    };
    let items: Vec<Item> = Notes::open(folder)?.whole.into_keys().map(Item).collect();
    if items.is_empty() {
        return Ok(());
    }
    let with = |socket: &str| {
        let mut all = options.to_vec();
        all.push(format!("--socket={socket}"));
        all
    };
    let (from, to) = (with(from), with(to));
    let program = std::fs::read(rows).map_err(|error| failed("cannot read the program", error))?;
    let statements = ask(client, &from, &statements_of(&items, &program)?)?;
    let triggers = triggers(&items, &from, dump, client)?;
    // From one server to the other: nothing is held.
    let mut carried = Vec::new();
    let mut child = client_of(client, &to)
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| failed(&format!("cannot start {client}"), error))?;
    let written = match child.stdin.take() {
        None => Err(HelperError::Failed(format!("cannot talk with {client}"))),
        Some(mut input) => {
            let mut all = Ok(());
            talk(client, &from, &statements, |output| {
                let mut output = BufReader::with_capacity(1 << 18, output);
                all = tables(&items, &triggers, &mut output, &mut input, &mut carried);
                Ok(())
            })
            .and(all)
        }
    };
    let status =
        child.wait().map_err(|error| failed(&format!("cannot talk with {client}"), error))?;
    // What it said about its end says more than a broken pipe.
    if !status.success() {
        return Err(HelperError::Failed(format!("the client ended with {status}")));
    }
    written?;
    for item in carried {
        writeln!(streams.output, "{item}").map_err(HelperError::Output)?;
    }
    Ok(())
}

/// What begins the rows of an item.
const ITEM: &str = "item ";

/// The program for each table. It prints the statements that print its rows, behind one that prints
/// its number.
fn statements_of(items: &[Item], program: &[u8]) -> Result<Vec<u8>, HelperError> {
    let mut text = Vec::new();
    for (number, item) in items.iter().enumerate() {
        text.extend_from_slice(format!("SELECT 'SELECT ''{ITEM}{number}'';';\n").as_bytes());
        let mut streams = Streams { input: &mut &*program, output: &mut text };
        super::super::whole::item(&[item.to_string()], &mut streams)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// The triggers of those that have some.
fn triggers(
    items: &[Item],
    from: &[String],
    dump: &str,
    client: &str,
) -> Result<BTreeMap<Item, Vec<u8>>, HelperError> {
    let text = b"SELECT DISTINCT CONCAT(HEX(EVENT_OBJECT_SCHEMA), '.', HEX(EVENT_OBJECT_TABLE)) \
                 FROM information_schema.TRIGGERS;\n";
    let said = ask(client, from, text)?;
    let mut found = BTreeMap::new();
    for line in String::from_utf8_lossy(&said).lines() {
        let name = line.split_once('.').and_then(|(schema, table)| of_hex(schema, table));
        let name = name.map(Item);
        if let Some(item) = name.filter(|item| items.contains(item)) {
            // None: the table is gone since.
            if let Some(text) = triggers_of(&item, dump, from)? {
                found.insert(item, text);
            }
        }
    }
    Ok(found)
}

/// Writes all tables for the client of the standby, as their rows come.
fn tables(
    items: &[Item],
    triggers: &BTreeMap<Item, Vec<u8>>,
    rows: &mut dyn BufRead,
    to: &mut dyn Write,
    carried: &mut Vec<Item>,
) -> Result<(), HelperError> {
    let put = |to: &mut dyn Write, bytes: &[u8]| to.write_all(bytes).map_err(HelperError::Output);
    put(to, SETTINGS.as_bytes())?;
    let mut line = Vec::new();
    while next_line(rows, &mut line)? {
        let text = String::from_utf8_lossy(&line);
        let item = text
            .strip_prefix(ITEM)
            .and_then(|number| number.parse::<usize>().ok())
            .and_then(|number| items.get(number))
            .ok_or_else(|| HelperError::Failed("the rows are in disorder".into()))?;
        // A table that is gone has none.
        let next = rows.fill_buf().map_err(HelperError::Input)?;
        if !next.starts_with(b"I") {
            continue;
        }
        put(to, &[b"USE ".as_slice(), &quoted(&item.0.0), b";\n"].concat())?;
        put(to, without_triggers(item).as_bytes())?;
        put(to, emptied(item).as_bytes())?;
        inserts(&[], &mut Streams { input: &mut *rows, output: to })?;
        if let Some(text) = triggers.get(item) {
            put(to, text)?;
        }
        carried.push(item.clone());
    }
    to.flush().map_err(HelperError::Output)
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
            format!("(TABLE_SCHEMA = {} AND TABLE_NAME = {})", value(schema), value(table))
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
const INIT: &str = "--init-command=SET time_zone = '+00:00', sql_mode = '', \
                        group_concat_max_len = 67108864, max_statement_time = 0, sql_log_bin = 0";

fn client_of(client: &str, options: &[String]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "its output is read to its end")]
    let mut command = Command::new(client);
    command
        .args(options)
        .args(["--batch", "--raw", "--skip-column-names", "--binary-mode", "--quick"])
        .args(["--default-character-set=utf8mb4", "--max-allowed-packet=1G", INIT]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::tests::on;

    /// The second table is gone; the third one has a trigger.
    #[test]
    fn tables_go_from_one_server_to_the_other() {
        let item = |name: &str| Item((b"shop".to_vec(), name.as_bytes().to_vec()));
        let items = [item("a"), item("b"), item("c")];
        let rows = "item 0\nINSERT INTO `shop`.`a` (`v`) VALUES\n(1)\n(2)\nend\nitem 1\nitem 2\n\
                    INSERT INTO `shop`.`c` (`v`) VALUES\nALTER TABLE `shop`.`c` AUTO_INCREMENT=3\n";
        let triggers = BTreeMap::from([(item("c"), b"CREATE TRIGGER t;\n".to_vec())]);
        let (mut sent, mut carried) = (Vec::new(), Vec::new());
        tables(&items, &triggers, &mut rows.as_bytes(), &mut sent, &mut carried).expect("read");
        let sent = String::from_utf8(sent).expect("text");
        let shown: Vec<&str> = sent
            .lines()
            .filter(|line| line.starts_with(['(', 'I', 'A', 'C', 'U']) || line.contains("TRUNCATE"))
            .collect();
        assert_eq!(
            shown,
            [
                "USE `shop`;",
                "  TRUNCATE TABLE `shop`.`a`;",
                "INSERT INTO `shop`.`a` (`v`) VALUES",
                "(1),",
                "(2);",
                "USE `shop`;",
                "  TRUNCATE TABLE `shop`.`c`;",
                "ALTER TABLE `shop`.`c` AUTO_INCREMENT=3;",
                "CREATE TRIGGER t;",
            ]
        );
        assert_eq!(carried, [item("a"), item("c")]);
        let cut = "item 0\nINSERT INTO `shop`.`a` (`v`) VALUES\n(1)\n";
        tables(&items, &triggers, &mut cut.as_bytes(), &mut Vec::new(), &mut Vec::new())
            .expect_err("the rows end too early");
    }

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
