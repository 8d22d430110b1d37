//! Classifies the lines that `mariadb-binlog` prints.

/// What a line is, where a statement may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// Sets the delimiter for the following statements.
    Delimiter(&'a [u8]),
    /// A comment, or an empty line.
    Comment,
    /// The first line of a statement.
    Begin,
    /// A later line of a statement.
    More,
}

/// Follows the lines from statement to statement.
#[derive(Debug)]
pub(super) struct Lines {
    delimiter: Vec<u8>,
    inside: bool,
    /// A comment with a table name that contains a line break continues on the next line.
    name: Option<TableMap>,
    /// What stands open in the statement, where that is looked at.
    quotes: Option<Quotes>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { delimiter: b";".to_vec(), inside: false, name: None, quotes: None }
    }

    /// The same, where a delimiter within quotes or a comment ends nothing: so the client reads.
    pub(super) fn as_the_client() -> Self {
        Self { quotes: Some(Quotes::default()), ..Self::new() }
    }

    /// The current delimiter.
    pub(super) fn delimiter(&self) -> &[u8] {
        &self.delimiter
    }

    /// Classifies the next line, and says whether it completes a statement.
    pub(super) fn kind<'l>(&mut self, line: &'l [u8]) -> (Kind<'l>, bool) {
        if let Some(mut name) = self.name.take() {
            if !name.more(line) {
                self.name = Some(name);
            }
            return (Kind::Comment, false);
        }
        if !self.inside {
            if let Some(rest) = line.strip_prefix(b"DELIMITER ") {
                let word = rest.split(u8::is_ascii_whitespace).next().unwrap_or_default();
                self.delimiter = word.to_vec();
                return (Kind::Delimiter(word), false);
            }
            if line.is_empty() || line[0] == b'#' {
                self.name = table_map(line).and_then(|text| {
                    let mut name = TableMap::default();
                    (!name.more(text)).then_some(name)
                });
                return (Kind::Comment, false);
            }
        }
        let kind = if self.inside { Kind::More } else { Kind::Begin };
        let open = self.quotes.as_mut().is_some_and(|quotes| quotes.line(line));
        self.inside = open || !line.ends_with(&self.delimiter);
        (kind, !self.inside)
    }

    /// Whether the input ended in the middle of a statement.
    pub(super) fn within_statement(&self) -> bool {
        self.inside || self.name.is_some()
    }
}

/// What is open at the end of a line of a statement, as the client reads it.
#[derive(Debug, Default)]
struct Quotes {
    open: Option<Open>,
    /// A backslash is a letter like others (`NO_BACKSLASH_ESCAPES`).
    plain_backslash: bool,
}

/// What goes on over a line break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// A string or a name, until this letter.
    Quote(u8),
    /// A comment.
    Comment,
}

impl Quotes {
    /// Reads a line; returns whether something is open at its end.
    fn line(&mut self, line: &[u8]) -> bool {
        let mut at = 0;
        while let Some(byte) = line.get(at) {
            let rest = &line[at..];
            at += match (self.open, byte) {
                (Some(Open::Comment), _) if rest.starts_with(b"*/") => self.becomes(None, 2),
                (Some(Open::Comment), _) => 1,
                (Some(Open::Quote(b'`')), b'\\') => 1,
                (Some(Open::Quote(_)), b'\\') if self.plain_backslash => 1,
                (_, b'\\') => 2,
                (Some(Open::Quote(quote)), _) if *byte == quote => self.becomes(None, 1),
                (Some(Open::Quote(_)), _) => 1,
                (None, b'\'' | b'"' | b'`') => self.becomes(Some(Open::Quote(*byte)), 1),
                (None, b'#') => rest.len(),
                (None, b'-')
                    if rest.starts_with(b"--")
                        && rest.get(2).is_none_or(u8::is_ascii_whitespace) =>
                {
                    rest.len()
                }
                // What MariaDB carries out is no comment.
                (None, b'/')
                    if rest.starts_with(b"/*")
                        && !rest.starts_with(b"/*!")
                        && !rest.starts_with(b"/*M!") =>
                {
                    self.becomes(Some(Open::Comment), 2)
                }
                (None, _) => 1,
            };
        }
        if self.open.is_none()
            && let Some(mode) = number_behind(line, b"SET @@session.sql_mode=")
        {
            const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;
            self.plain_backslash = mode & NO_BACKSLASH_ESCAPES != 0;
        }
        self.open.is_some()
    }

    fn becomes(&mut self, open: Option<Open>, read: usize) -> usize {
        self.open = open;
        read
    }
}

/// The number with which a line goes on behind its beginning.
fn number_behind(line: &[u8], beginning: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(beginning)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

/// What stands behind `Table_map: ` in a comment.
pub(super) fn table_map(line: &[u8]) -> Option<&[u8]> {
    const WORD: &[u8] = b"\tTable_map: ";
    let at = line.windows(WORD.len()).position(|part| part == WORD)?;
    line.first().is_some_and(|first| *first == b'#').then(|| &line[at + WORD.len()..])
}

/// Reads a quoted name of two parts, which can span several lines: `mariadb-binlog` prints a line
/// break in a table's name as it is. The text after the break is not a statement.
#[derive(Debug, Default)]
struct TableMap {
    open: bool,
    names: u8,
}

impl TableMap {
    /// Reads on; returns whether both names are complete with this line.
    fn more(&mut self, line: &[u8]) -> bool {
        let mut at = 0;
        while at < line.len() && self.names < 2 {
            match (line[at], self.open) {
                (b'`', false) => self.open = true,
                (b'`', true) if line.get(at + 1) == Some(&b'`') => at += 1,
                (b'`', true) => {
                    self.open = false;
                    self.names += 1;
                }
                (_, true) | (b'.', false) => {}
                // No names at all.
                (_, false) => self.names = 2,
            }
            at += 1;
        }
        self.names == 2
    }
}

/// The position of a transaction: domain, server, number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gtid {
    /// As it is printed: `0-1-17`.
    pub(super) text: String,
    /// The replication domain.
    pub(super) domain: String,
    /// The server's id.
    pub(super) server: String,
    /// The number within the domain.
    pub(super) number: String,
}

impl Gtid {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-').map(str::to_owned);
        let digits =
            |part: &String| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (domain, server, number) = (parts.next()?, parts.next()?, parts.next()?);
        let whole = parts.next().is_none() && [&domain, &server, &number].into_iter().all(digits);
        whole.then(|| Self { text: text.to_owned(), domain, server, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(String, bool)> {
        let mut lines = Lines::new();
        let name = |kind| match kind {
            Kind::Delimiter(_) => "delimiter",
            Kind::Comment => "comment",
            Kind::Begin => "begin",
            Kind::More => "more",
        };
        text.lines()
            .map(|line| lines.kind(line.as_bytes()))
            .map(|(kind, ends)| (name(kind).to_owned(), ends))
            .collect()
    }

    #[test]
    fn statements_end_with_the_delimiter_at_the_end_of_a_line() {
        let text = "SET x;\nDELIMITER /*!*/;\n# at 4\n\nCREATE TABLE t (\n# no comment\n\n) \
            /*!*/; x\n/*!*/;\nDELIMITER ;\nROLLBACK ;";
        let found = kinds(text);
        let found: Vec<(&str, bool)> =
            found.iter().map(|(kind, ends)| (kind.as_str(), *ends)).collect();
        assert_eq!(
            found,
            [
                ("begin", true),
                ("delimiter", false),
                ("comment", false),
                ("comment", false),
                ("begin", false),
                ("more", false),
                ("more", false),
                ("more", false),
                ("more", true),
                ("delimiter", false),
                ("begin", true),
            ]
        );
    }

    #[test]
    fn a_line_break_in_a_table_s_name_begins_no_statement() {
        let head = "DELIMITER /*!*/;\n#1 server id 1 \tTable_map: `shop`.";
        for (name, lines) in [
            ("`plain` mapped to number 25", 1),
            ("`a``b` mapped to number 25", 1),
            ("`x\nDROP DATABASE shop/*!*/;\n` mapped to number 25", 3),
            ("`x`` mapped to number 25\nDROP DATABASE shop/*!*/;\n#` mapped to number 25", 3),
            ("`x```\n` mapped to number 25", 1),
            (" odd", 1),
        ] {
            let text = format!("{head}{name}\nCOMMIT/*!*/;");
            let found = kinds(&text);
            let comments = found.iter().filter(|(kind, _)| kind == "comment").count();
            assert_eq!(comments, lines, "{text}\n{found:?}");
        }
    }

    #[test]
    fn a_delimiter_within_quotes_ends_nothing_for_the_client() {
        let open = |lines: &[&str]| {
            let mut quotes = Quotes::default();
            lines.iter().map(|line| quotes.line(line.as_bytes())).collect::<Vec<_>>()
        };
        assert_eq!(
            open(&["CREATE TABLE `x", "DROP y/*!*/;", "` (a INT)", "/*!*/;"]),
            [true, true, false, false]
        );
        assert_eq!(open(&["INSERT 'it''s \\' /*!*/;", "';"]), [true, false]);
        assert_eq!(
            open(&["SET @@session.sql_mode=1049600/*!*/;", "INSERT 'x\\'/*!*/;"]),
            [false, false]
        );
        assert_eq!(
            open(&["SET @@session.sql_mode=1411383296/*!*/;", "INSERT 'x\\'/*!*/;"]),
            [false, true]
        );
        assert_eq!(
            open(&[
                "/*!\\C utf8mb4 *//*!*/;",
                "-- don't",
                "--x",
                "a -- it's",
                "# it's",
                "/* it's",
                "*/ x"
            ]),
            { [false, false, false, false, false, true, false] }
        );
        assert_eq!(
            open(&["/*M!100001 SET @a='x'*//*!*/;", "BINLOG '", "aa=", "'/*!*/;"]),
            [false, true, true, false]
        );
    }

    #[test]
    fn gtids_have_three_numbers() {
        assert_eq!(Gtid::parse("0-1-17").unwrap().number, "17");
        for text in ["", "0-1", "0-1-17-2", "0-1-x", "0--1"] {
            assert_eq!(Gtid::parse(text), None, "{text}");
        }
    }
}
