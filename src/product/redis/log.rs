//! The commands of an append-only file, one after the other, with bounded memory.

use std::fs::File;
use std::io::{self, BufRead, Read as _};
use std::path::Path;

use crate::product::stream::HelperError;

/// The longest name, key or reason of which all is kept.
const KEPT: u64 = 4096;
/// The longest text of a function library, as the server has it.
const LONGEST: u64 = 1 << 30;
/// The last bytes of an argument that are kept.
const END: usize = 10;

/// One argument of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Argument {
    /// Its first bytes; all of them where the command is a FUNCTION.
    pub(super) begin: Vec<u8>,
    /// Its last bytes.
    pub(super) end: Vec<u8>,
    /// Its length in bytes.
    pub(super) length: u64,
}

/// One command of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it begins in the file: timestamps before it belong to it.
    pub(super) from: u64,
    /// Where the command itself begins, behind its timestamps.
    pub(super) begin: u64,
    /// Where it ends.
    pub(super) to: u64,
    /// How many arguments it has, its name among them.
    pub(super) count: u64,
    /// The first of them.
    pub(super) arguments: Vec<Argument>,
}

/// How many of a command's arguments are kept.
const FIRST: usize = 5;

impl Entry {
    /// The command's name, in lower-case letters.
    pub(super) fn name(&self) -> String {
        self.word(0)
    }

    /// An argument in lower-case letters; empty where there is none.
    pub(super) fn word(&self, at: usize) -> String {
        let begin = self.arguments.get(at).map(|it| it.begin.as_slice()).unwrap_or_default();
        String::from_utf8_lossy(begin).to_ascii_lowercase()
    }
}

/// Opens an append-only file, or a part of one.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn open(path: &Path) -> Result<File, HelperError> {
    File::open(path)
        .map_err(|error| HelperError::Failed(format!("cannot open {}: {error}", path.display())))
}

/// Reads a file.
pub(super) struct Log<'a> {
    input: &'a mut dyn BufRead,
    at: u64,
    line: Vec<u8>,
    /// How many of a command's arguments are kept.
    kept: usize,
    /// The file ended within a command.
    cut: bool,
}

impl<'a> Log<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead) -> Self {
        Self { input, at: 0, line: Vec::new(), kept: FIRST, cut: false }
    }

    /// The same of a file that is read from this byte on.
    pub(super) fn from(self, at: u64) -> Self {
        Self { at, ..self }
    }

    /// Whether the error of [`Log::next`] is that the file ends within a command: a server that
    /// still writes to it may not have written the rest yet.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    fn ends_within(&mut self) -> HelperError {
        self.cut = true;
        self.fault("it ends within a command")
    }

    /// The same that keeps so many of a command's arguments.
    pub(super) fn keeping(self, arguments: usize) -> Self {
        Self { kept: arguments, ..self }
    }

    fn fault(&self, what: &str) -> HelperError {
        HelperError::Failed(format!("the append-only file is damaged at byte {}: {what}", self.at))
    }

    /// The next line without its end; false at the end of the file.
    fn line(&mut self) -> Result<bool, HelperError> {
        self.line.clear();
        let mut limited = (&mut *self.input).take(KEPT);
        let read = limited.read_until(b'\n', &mut self.line).map_err(HelperError::Input)?;
        if read == 0 {
            return Ok(false);
        }
        if !self.line.ends_with(b"\r\n") {
            self.cut = (read as u64) < KEPT && !self.line.ends_with(b"\n");
            return Err(self.fault("a line does not end"));
        }
        self.at += read as u64;
        self.line.truncate(read - 2);
        Ok(true)
    }

    /// The number behind `sign` in the line.
    fn number(&self, sign: u8) -> Result<u64, HelperError> {
        let number = match self.line.split_first() {
            Some((first, digits)) if *first == sign => std::str::from_utf8(digits).ok(),
            _ => None,
        };
        let number = number.and_then(|digits| digits.parse().ok());
        number.ok_or_else(|| self.fault("there is no command"))
    }

    /// Reads the next command into `entry`. Returns whether there was one.
    ///
    /// # Errors
    /// When the file cannot be read, or ends within a command.
    pub(super) fn next(&mut self, entry: &mut Entry) -> Result<bool, HelperError> {
        entry.from = self.at;
        entry.arguments.clear();
        // Lines that begin with `#` are timestamps.
        loop {
            entry.begin = self.at;
            if !self.line()? {
                return Ok(false);
            }
            if self.line.first() != Some(&b'#') {
                break;
            }
        }
        entry.count = self.number(b'*')?;
        if entry.count == 0 {
            return Err(self.fault("there is no command"));
        }
        let mut whole = false;
        for at in 0..entry.count {
            if !self.line()? {
                return Err(self.ends_within());
            }
            let length = self.number(b'$')?;
            let argument = self.argument(length, if whole { LONGEST } else { KEPT })?;
            whole |= at == 0 && argument.begin.eq_ignore_ascii_case(b"function");
            if entry.arguments.len() < self.kept {
                entry.arguments.push(argument);
            }
        }
        entry.to = self.at;
        Ok(true)
    }

    fn argument(&mut self, length: u64, kept: u64) -> Result<Argument, HelperError> {
        let mut argument = Argument { length, ..Argument::default() };
        let mut left = length;
        while left > 0 {
            let bytes = self.input.fill_buf().map_err(HelperError::Input)?;
            if bytes.is_empty() {
                return Err(self.ends_within());
            }
            let take = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let bytes = &bytes[..take];
            let room = usize::try_from(kept).unwrap_or(usize::MAX) - argument.begin.len();
            argument.begin.extend_from_slice(&bytes[..take.min(room)]);
            argument.end.extend_from_slice(&bytes[take.saturating_sub(END)..]);
            let old = argument.end.len().saturating_sub(END);
            argument.end.drain(..old);
            self.input.consume(take);
            left -= take as u64;
            self.at += take as u64;
        }
        let mut end = [0; 2];
        match self.input.read_exact(&mut end) {
            Ok(()) if end == *b"\r\n" => self.at += 2,
            Ok(()) => return Err(self.fault("an argument is longer than its length")),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.ends_within());
            }
            Err(error) => return Err(HelperError::Input(error)),
        }
        Ok(argument)
    }
}

/// What is carried out as one: a command, or a transaction from its MULTI to its EXEC.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Item<T> {
    /// Where it begins in the file.
    pub(super) from: u64,
    /// Where it ends.
    pub(super) to: u64,
    /// The first and the last byte of the last SELECT in it: what comes behind it is meant for the
    /// database that this chooses, whether the rest of the transaction is carried out or not.
    pub(super) select: Option<(u64, u64)>,
    /// How many commands it has, without MULTI and EXEC.
    pub(super) commands: u64,
    /// Whether it is a transaction.
    pub(super) transaction: bool,
    /// What was found in its commands.
    pub(super) found: Vec<T>,
}

/// Hands on each item of the file, with what `judge` finds in its commands.
///
/// # Errors
/// When the file cannot be read, ends within a command or a transaction, or `judge` or `take` fails.
pub(super) fn items<T>(
    input: &mut dyn BufRead,
    mut judge: impl FnMut(&Entry) -> Result<Option<T>, HelperError>,
    mut take: impl FnMut(Item<T>) -> Result<(), HelperError>,
) -> Result<(), HelperError> {
    let (mut log, mut entry) = (Log::new(input), Entry::default());
    let mut open: Option<Item<T>> = None;
    while log.next(&mut entry)? {
        let name = entry.name();
        let mut item = open.take().unwrap_or_else(|| Item {
            from: entry.from,
            to: entry.to,
            select: None,
            commands: 0,
            transaction: name == "multi",
            found: Vec::new(),
        });
        item.to = entry.to;
        let ends = !item.transaction || name == "exec";
        if !item.transaction || !matches!(name.as_str(), "multi" | "exec") {
            item.commands += 1;
            item.found.extend(judge(&entry)?);
            if name == "select" {
                item.select = Some((entry.from, entry.to));
            }
        }
        if ends {
            take(item)?;
        } else {
            open = Some(item);
        }
    }
    match open {
        None => Ok(()),
        Some(item) => Err(HelperError::Failed(format!(
            "the append-only file ends within the transaction that begins at byte {}",
            item.from
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aof(commands: &[&[&[u8]]]) -> Vec<u8> {
        commands.iter().flat_map(|words| super::super::client::command(words)).collect()
    }

    fn all(text: &[u8]) -> Result<Vec<Item<String>>, String> {
        let (mut input, mut found) = (text, Vec::new());
        items(
            &mut input,
            |entry| Ok(Some(entry.name())),
            |item| {
                found.push(item);
                Ok(())
            },
        )
        .map_err(|error| error.to_string())?;
        Ok(found)
    }

    #[test]
    fn a_transaction_is_one_item_and_keeps_its_database() {
        let text = [
            b"#TS:1764000000\r\n".to_vec(),
            aof(&[
                &[b"SELECT", b"0"],
                &[b"MULTI"],
                &[b"SELECT", b"3"],
                &[b"SET", b"a", b"\r\n*1\r\n"],
                &[b"EXEC"],
                &[b"DEL", b"b"],
            ]),
        ]
        .concat();
        let found = all(&text).expect("read");
        let commands: Vec<_> = found.iter().map(|it| (it.commands, it.transaction)).collect();
        assert_eq!(commands, [(1, false), (2, true), (1, false)]);
        assert_eq!(found[0].from, 0);
        let (from, to) = found[1].select.expect("a database");
        let part = &text[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()];
        assert_eq!(part, b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n");
        assert_eq!(found[2].to, text.len() as u64);
        assert_eq!(found[1].found, ["select", "set"]);
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_no_file() {
        let text = aof(&[&[b"MULTI"], &[b"SET", b"a", b"value"], &[b"EXEC"]]);
        for end in 1..text.len() {
            let said = all(&text[..end]).expect_err("cut off");
            assert!(
                said.contains("damaged at byte") || said.contains("within the transaction"),
                "{end}: {said}"
            );
        }
        assert_eq!(all(&text).expect("whole").len(), 1);
        assert!(all(b"*1\r\n$1\r\nab\r\n").expect_err("longer").contains("longer"));
        assert!(all(b"*0\r\n").is_err() && all(b"hello\r\n").is_err());
    }

    #[test]
    fn of_a_large_value_the_beginning_and_the_end_are_kept() {
        let value = [vec![b'x'; 1 << 20], b"0123456789".to_vec()].concat();
        let text = aof(&[&[b"SET", b"key", &value]]);
        let mut input = io::BufReader::with_capacity(7, text.as_slice());
        let (mut log, mut entry) = (Log::new(&mut input), Entry::default());
        assert!(log.next(&mut entry).expect("read"));
        let last = &entry.arguments[2];
        assert_eq!((last.length, last.begin.len()), (value.len() as u64, 4096));
        assert_eq!(last.end, b"0123456789");
    }
}
