//! The programs that a playbook brings: files of its folder, which its commands name as
//! `{program_dir}/NAME`.

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::playbook::problem::{Report, nearest};

/// The TOML of a playbook that is a folder.
pub const PLAYBOOK_FILE: &str = "playbook.toml";

/// How a command names a program of the playbook: this, then the program's name.
const PREFIX: &str = "{program_dir}/";

/// One program, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    name: String,
    bytes: Vec<u8>,
    sha256: String,
}

impl Program {
    /// A program of this name and content.
    pub fn new(name: &str, bytes: Vec<u8>) -> Self {
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { name: name.to_owned(), bytes, sha256 }
    }

    /// The file's name, without a folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of what is in it, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// Whether a file in a playbook's folder counts as a program: every one but the playbook itself,
/// what is written for people, and what is hidden.
pub(super) fn is_program(name: &str) -> bool {
    name != PLAYBOOK_FILE && !name.ends_with(".md") && !name.starts_with('.')
}

/// The programs that a text names.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let end = |rest: &str| {
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        rest.find(|c| !part(c)).unwrap_or(rest.len())
    };
    text.split(PREFIX).skip(1).map(move |rest| &rest[..end(rest)])
}

/// Notes every program that is named and not there.
pub(super) fn check(programs: &[Program], report: &mut Report<'_>) {
    let mut texts = Vec::new();
    of_table(report.root().get_ref(), &mut texts);
    for (text, span) in texts {
        for name in
            named(&text).filter(|name| !programs.iter().any(|program| program.name == *name))
        {
            let remedy = match nearest(name, programs.iter().map(Program::name)) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None if programs.is_empty() => {
                    format!(
                        "make the playbook a folder of its name, with the TOML as {PLAYBOOK_FILE} \
                            and {name:?} beside it"
                    )
                }
                None => "put the program into the playbook's folder".to_owned(),
            };
            report.error_at(
                Some(span.clone()),
                format!("the playbook brings no program {name:?}"),
                remedy,
            );
        }
    }
}

type Text = (String, std::ops::Range<usize>);

fn of_table(table: &DeTable<'_>, found: &mut Vec<Text>) {
    table.iter().for_each(|(_, value)| of_value(value, found));
}

fn of_value(value: &Spanned<DeValue<'_>>, found: &mut Vec<Text>) {
    match value.get_ref() {
        DeValue::String(text) if text.contains(PREFIX) => {
            found.push((text.to_string(), value.span()))
        }
        DeValue::Array(items) => items.iter().for_each(|item| of_value(item, found)),
        DeValue::Table(table) => of_table(table, found),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Validated, library};
    use super::*;

    #[test]
    fn names_end_where_a_name_ends() {
        let found = |text| named(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(found("--file={program_dir}/a-b_c.sql,x"), ["a-b_c.sql"]);
        assert_eq!(found("{program_dir}/a:{program_dir}/b"), ["a", "b"]);
        assert_eq!(found("{program_dir}/../x"), [".."]);
        assert!(found("{program_dir}").is_empty());
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_its_line() {
        let text = library::BUILT_IN[0]
            .text
            .replace("\"tallyctl\", \"rotate\"", "\"sh\", \"{program_dir}/rotate.sh\"");
        let parse = |programs| Validated::with_programs("own", Some("generic"), &text, programs);
        let line = text[..text.find("rotate.sh").unwrap()].matches('\n').count() + 1;
        let said = parse(Vec::new()).unwrap_err().to_string();
        assert!(said.contains(&format!("--> own:{line}:")), "{said}");
        assert!(
            said.contains("brings no program \"rotate.sh\"")
                && said.contains("make the playbook a folder"),
            "{said}"
        );
        let said = parse(vec![Program::new("rotated.sh", Vec::new())]).unwrap_err().to_string();
        assert!(said.contains("did you mean \"rotated.sh\"?"), "{said}");
        let playbook = parse(vec![Program::new("rotate.sh", b"x".to_vec())]).unwrap();
        assert_eq!(
            playbook.programs()[0].sha256(),
            "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        );
    }
}
