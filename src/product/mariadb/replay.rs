//! The filter between `mariadb-binlog` and the client.
//!
//! A replay keeps the GTIDs, so that the server's position says how far it came. One transaction of
//! the log is two to a client: `CREATE TABLE ... SELECT` is printed as the statement that makes the
//! table, which commits, and then its rows. The filter makes the table first, outside of the log,
//! so that the rows get the GTID.

use super::events::Events;
use super::log::{Kind, Lines};
use crate::product::stream::{HelperError, Streams};

/// Rewrites the output of `mariadb-binlog` so that the client can replay it.
pub(in crate::product) fn replay(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    if !arguments.is_empty() {
        return Err(HelperError::usage("mariadb-replay"));
    }
    let (mut filter, mut line) = (Filter::new(), Vec::new());
    let output = &mut *streams.output;
    let mut print = |line: &[u8]| {
        output.write_all(line).and_then(|()| output.write_all(b"\n")).map_err(HelperError::Output)
    };
    let mut events = Events::new(streams.input)?;
    while events.next(&mut line)? {
        filter.line(&line, &mut print)?;
    }
    filter.end(&mut print)?;
    streams.output.flush().map_err(HelperError::Output)
}

/// Where the filter is in a transaction that may be a `CREATE TABLE ... SELECT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Elsewhere: lines are passed on.
    Outside,
    /// It began, and nothing was done so far but settings.
    Opened,
    /// It made a table. `held[made]` is the first line of the statement.
    Made { made: usize },
}

/// Takes lines and passes lines on.
#[derive(Debug)]
pub(super) struct Filter {
    lines: Lines,
    state: State,
    /// The transaction's lines so far.
    held: Vec<Vec<u8>>,
    /// How many of them are the statement that opened it.
    opening: usize,
    /// The statement that sets the transaction's number.
    number: Vec<u8>,
}

impl Filter {
    pub(super) fn new() -> Self {
        Self {
            lines: Lines::new(),
            state: State::Outside,
            held: Vec::new(),
            opening: 0,
            number: Vec::new(),
        }
    }

    /// Takes the next line, without its end.
    pub(super) fn line<E>(
        &mut self,
        line: &[u8],
        print: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (kind, ends) = self.lines.kind(line);
        match kind {
            Kind::Delimiter(_) => {
                self.pass(print)?;
                return print(line);
            }
            Kind::Begin => self.begin(line, print)?,
            Kind::Comment | Kind::More => {}
        }
        // The client must not take the second line of a comment for a statement.
        let quoted = (kind == Kind::Comment && !line.is_empty() && line[0] != b'#')
            .then(|| [b"# ", line].concat());
        let line = quoted.as_deref().unwrap_or(line);
        if self.state == State::Outside {
            return print(line);
        }
        self.held.push(line.to_vec());
        let within = matches!(kind, Kind::Begin | Kind::More) && !ends;
        if self.state == State::Opened && self.held.len() == self.opening && within {
            self.opening += 1;
        }
        Ok(())
    }

    /// Passes on what is held at the end of the input.
    pub(super) fn end<E>(
        &mut self,
        print: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.pass(print)
    }

    /// Looks at the first line of a statement.
    fn begin<E>(
        &mut self,
        line: &[u8],
        print: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        const SETTINGS: [&[u8]; 3] = [b"SET", b"use", b"/*"];
        if line.windows(12).any(|part| part == b"gtid_seq_no=") {
            self.number = line.to_vec();
        }
        if line.starts_with(b"START TRANSACTION") {
            self.pass(print)?;
            self.state = State::Opened;
            self.opening = 1;
            return Ok(());
        }
        match self.state {
            State::Opened
                if line.starts_with(b"CREATE TABLE ")
                    || line.starts_with(b"CREATE OR REPLACE TABLE ") =>
            {
                self.state = State::Made { made: self.held.len() };
                Ok(())
            }
            State::Made { made } if line.starts_with(b"BINLOG ") => self.table_first(made, print),
            State::Outside => Ok(()),
            _ if SETTINGS.iter().any(|word| line.starts_with(word)) => Ok(()),
            _ => self.pass(print),
        }
    }

    /// Passes on what is held as it is.
    fn pass<E>(&mut self, print: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.state = State::Outside;
        std::mem::take(&mut self.held).iter().try_for_each(|line| print(line))
    }

    /// Passes on what is held so that the table is made outside of the log, and the transaction
    /// begins behind it. Done again, it replaces the table that an interrupted try has made.
    fn table_first<E>(
        &mut self,
        made: usize,
        print: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.state = State::Outside;
        for (i, line) in std::mem::take(&mut self.held).iter().enumerate() {
            let replaced = line.strip_prefix(b"CREATE TABLE ").filter(|_| i == made);
            let replaced = replaced.map(|rest| [b"CREATE OR REPLACE TABLE ", rest].concat());
            if i == made {
                print(b"SET @@session.sql_log_bin=0/*!*/;")?;
            }
            if i >= self.opening {
                print(replaced.as_deref().unwrap_or(line))?;
            }
        }
        print(b"SET @@session.sql_log_bin=1/*!*/;")?;
        print(&self.number)?;
        print(b"START TRANSACTION")?;
        print(b"/*!*/;")
    }
}

#[cfg(test)]
mod tests {
    use crate::product::tests::{kept, on};

    #[test]
    fn a_real_log_becomes_what_the_client_needs() {
        let found = on("mariadb-replay", &[], &kept("mariadb/tests/written.log")).unwrap();
        assert!(
            found == kept("mariadb/tests/written.replay"),
            "{}",
            String::from_utf8_lossy(&found)
        );
    }

    #[test]
    fn only_a_table_that_gets_rows_is_made_first() {
        let rows = "# at 9\nBINLOG '\nx\n'/*!*/;\nCOMMIT/*!*/;\n";
        let begin =
            "DELIMITER /*!*/;\nSET @@session.gtid_seq_no=7/*!*/;\nSTART TRANSACTION\n/*!*/;\n";
        let of = |text: &str| {
            String::from_utf8(on("mariadb-replay", &[], text.as_bytes()).unwrap()).unwrap()
        };
        for unchanged in
            ["", "CREATE TABLE t (a INT)\n/*!*/;\nCOMMIT\n/*!*/;\n", "INSERT x\n/*!*/;\n", rows]
        {
            let text = format!("{begin}{unchanged}");
            assert_eq!(of(&text), text);
        }
        let found =
            of(&format!("{begin}SET x/*!*/;\nCREATE TABLE t (\n  a INT\n)\n/*!*/;\n{rows}"));
        let wanted = "DELIMITER /*!*/;\nSET @@session.gtid_seq_no=7/*!*/;\nSET x/*!*/;\n\
                      SET @@session.sql_log_bin=0/*!*/;\nCREATE OR REPLACE TABLE t (\n  a INT\n)\n/*!*/;\n# at 9\n\
                      SET @@session.sql_log_bin=1/*!*/;\nSET @@session.gtid_seq_no=7/*!*/;\nSTART TRANSACTION\n/*!*/;\n\
                      BINLOG '\nx\n'/*!*/;\nCOMMIT/*!*/;\n";
        assert_eq!(found, wanted);
    }

    #[test]
    fn s9_what_stands_in_a_table_s_name_is_not_run() {
        let found = on("mariadb-replay", &[], &kept("mariadb/tests/line-break.log")).unwrap();
        let found = String::from_utf8(found).unwrap();
        let lines: Vec<&str> =
            found.lines().filter(|line| line.contains("CREATE DATABASE smuggled")).collect();
        // Within the quoted name of the statement, and in two comments.
        assert_eq!(
            lines,
            [
                "CREATE DATABASE smuggled/*!*/;",
                "#Q> CREATE DATABASE smuggled/*!*/;",
                "# CREATE DATABASE smuggled/*!*/;",
            ]
        );
    }
}
