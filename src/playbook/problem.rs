//! What is wrong in a file: where, what, and what to do about it.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// The line as it stands in the file.
    pub excerpt: String,
    /// How many characters of it are meant.
    pub width: usize,
}

/// Everything that is wrong in a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problems {
    /// The file.
    pub origin: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            f.write_str(&problem.render(Level::ERROR.no_name(), &self.origin))?;
        }
        Ok(())
    }
}

impl Problem {
    /// As a person reads it where nothing is wrong enough to refuse the file `origin`.
    pub fn as_warning(&self, origin: &str) -> String {
        self.render(Level::WARNING, origin)
    }

    /// What is wrong, the line with what is meant underlined, and the remedy.
    fn render(&self, level: Level<'_>, origin: &str) -> String {
        let title = level.primary_title(self.what.as_str());
        let remedy = Level::HELP.with_name("remedy").message(self.remedy.as_str());
        let group = if self.excerpt.trim().is_empty() {
            title.element(Origin::path(origin).line(self.line).char_column(self.column))
        } else {
            let byte = |column: usize| {
                let at = self.excerpt.char_indices().nth(column);
                at.map_or(self.excerpt.len(), |(at, _)| at)
            };
            let first = self.column - 1;
            let meant = AnnotationKind::Primary.span(byte(first)..byte(first + self.width));
            let line = Snippet::source(self.excerpt.as_str()).line_start(self.line).path(origin);
            title.element(line.annotation(meant))
        };
        Renderer::plain().render(&[group.element(remedy)])
    }
}

/// The way to a value in a TOML file.
#[derive(Debug, Clone, Default)]
pub(super) struct Path(Vec<Segment>);

#[derive(Debug, Clone)]
enum Segment {
    Key(String),
    Index(usize),
}

impl Path {
    pub(super) fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Segment::Key((*key).to_owned())).collect())
    }

    pub(super) fn key(&self, key: &str) -> Self {
        let mut longer = self.clone();
        longer.0.push(Segment::Key(key.to_owned()));
        longer
    }

    pub(super) fn at(&self, index: usize) -> Self {
        let mut longer = self.clone();
        longer.0.push(Segment::Index(index));
        longer
    }
}

/// Dotted, without the indices: `capture.pass.command`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self
            .0
            .iter()
            .filter_map(|segment| match segment {
                Segment::Key(key) => Some(key.as_str()),
                Segment::Index(_) => None,
            })
            .collect();
        f.write_str(&keys.join("."))
    }
}

/// Gathers what is wrong in one file.
pub(super) struct Report<'a> {
    origin: &'a str,
    text: &'a str,
    root: Spanned<DeTable<'a>>,
    problems: Vec<Problem>,
    /// What a draft may still lack.
    missing: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'a> Report<'a> {
    /// Reads the file; what is no TOML is noted.
    pub(super) fn new(origin: &'a str, text: &'a str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut report = Self {
            origin,
            text,
            root,
            problems: Vec::new(),
            missing: Vec::new(),
            warnings: Vec::new(),
        };
        // Only the first: behind it the reader has lost the thread.
        if let Some(error) =
            errors.iter().min_by_key(|error| error.span().map_or(0, |span| span.start))
        {
            let what = match error.message() {
                message if message.starts_with("invalid boolean") => "this is no value".to_owned(),
                message => message.trim_end().replace('\n', "; "),
            };
            report.error_at(
                error.span(),
                what,
                "mend this line: texts stand in quotes, lists in \
                [ ], and each key once in its table",
            );
        }
        report
    }

    /// The file as messages name it.
    pub(super) fn origin(&self) -> &'a str {
        self.origin
    }

    /// Gives fields at the top that have a former name their present one.
    pub(super) fn rename(&mut self, fields: &[(&str, &'static str)]) {
        let table = self.root.get_mut();
        for (former, now) in fields {
            if !table.contains_key(*now)
                && let Some((key, value)) = table.remove_entry(*former)
            {
                table.insert(Spanned::new(key.span(), (*now).into()), value);
            }
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn root(&self) -> Spanned<DeTable<'a>> {
        self.root.clone()
    }

    /// A value that does not fit its type.
    pub(super) fn value(&mut self, error: &toml::de::Error) {
        let what = error.message().trim_end().replace('\n', "; ");
        self.error_at(error.span(), what, "write it as the message says");
    }

    pub(super) fn error(
        &mut self,
        path: &Path,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.error_at(self.find(path), what, remedy);
    }

    pub(super) fn error_at(
        &mut self,
        span: Option<Range<usize>>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let problem = self.problem(span, what.into(), remedy.into());
        self.problems.push(problem);
    }

    /// Something that a playbook must have, and that nobody may have written yet.
    pub(super) fn missing(
        &mut self,
        path: &Path,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let problem = self.problem(self.find(path), what.into(), remedy.into());
        self.missing.push(problem);
    }

    pub(super) fn warn(&mut self, path: &Path, what: impl Into<String>, remedy: impl Into<String>) {
        self.warn_at(self.find(path), what, remedy);
    }

    pub(super) fn warn_at(
        &mut self,
        span: Option<Range<usize>>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let problem = self.problem(span, what.into(), remedy.into());
        self.warnings.push(problem);
    }

    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The warnings, when nothing is wrong.
    pub(super) fn finish(mut self) -> Result<Vec<Problem>, Problems> {
        self.problems.append(&mut self.missing);
        self.finish_draft().map(|(warnings, _)| warnings)
    }

    /// The warnings, and what is missing, when nothing else is wrong.
    pub(super) fn finish_draft(mut self) -> Result<(Vec<Problem>, Vec<Problem>), Problems> {
        let place = |problem: &Problem| (problem.line, problem.column);
        self.problems.sort_by_key(place);
        self.problems.dedup();
        self.warnings.sort_by_key(place);
        if self.problems.is_empty() {
            Ok((self.warnings, self.missing))
        } else {
            Err(Problems { origin: self.origin.to_owned(), problems: self.problems })
        }
    }

    /// Where the value stands, or the nearest table around a value that is not there.
    fn find(&self, path: &Path) -> Option<Range<usize>> {
        let mut span = None;
        let mut value: Option<&Spanned<DeValue<'_>>> = None;
        for (depth, segment) in path.0.iter().enumerate() {
            let next = match (segment, value.map(Spanned::get_ref)) {
                (Segment::Key(key), None) if depth == 0 => {
                    self.root.get_ref().get_key_value(key.as_str())
                }
                (Segment::Key(key), Some(DeValue::Table(table))) => {
                    table.get_key_value(key.as_str())
                }
                (Segment::Index(index), Some(DeValue::Array(array))) => {
                    let Some(item) = array.get(*index) else { return span };
                    span = Some(item.span());
                    value = Some(item);
                    continue;
                }
                _ => return span,
            };
            let Some((key, found)) = next else { return span };
            // A table of headers spans its first header only; a table by dotted keys nothing: its
            // key does.
            span = Some(if found.get_ref().is_table() { key.span() } else { found.span() });
            value = Some(found);
        }
        span
    }

    fn problem(&self, span: Option<Range<usize>>, what: String, remedy: String) -> Problem {
        let span = span.unwrap_or(0..0);
        let start = span.start.min(self.text.len());
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let excerpt = self.text[line_start..].lines().next().unwrap_or_default();
        let column = self.text[line_start..start].chars().count() + 1;
        let left = excerpt.chars().count().saturating_sub(column - 1);
        let width = self
            .text
            .get(start..span.end)
            .map_or(1, |meant| meant.lines().next().unwrap_or_default().chars().count());
        Problem {
            line: self.text[..start].matches('\n').count() + 1,
            column,
            what,
            remedy,
            excerpt: excerpt.to_owned(),
            width: width.min(left).max(1),
        }
    }
}

/// The name among `known` that was probably meant.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_underlined_in_any_writing_and_nothing_reaches_the_terminal() {
        let excerpt = "a = \"日本\" \u{1b}[2J b";
        let column = excerpt.chars().position(|c| c == 'b').unwrap_or_default() + 1;
        let (what, remedy) = ("this is no value".to_owned(), "mend it".to_owned());
        let problem =
            Problem { line: 7, column, what, remedy, excerpt: excerpt.to_owned(), width: 1 };
        insta::assert_snapshot!(problem.as_warning("x.toml"), @r#"
        warning: this is no value
         --> x.toml:7:15
          |
        7 | a = "日本" ␛[2J b
          |                 ^
          |
          = remedy: mend it
        "#);
    }
}
