//! The programs that a playbook brings: files of its folder, which its commands name as
//! `{program_dir}/NAME`.

use std::path::Path;

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

/// The folder of a playbook that is one.
pub(super) fn folder(origin: &str) -> Option<&Path> {
    let path = Path::new(origin);
    path.parent().filter(|_| path.file_name().is_some_and(|name| name == PLAYBOOK_FILE))
}

/// Whether a file in a playbook's folder counts as a program: every one but the playbook itself,
/// what is written for people, and what is hidden.
pub(super) fn is_program(name: &str) -> bool {
    name != PLAYBOOK_FILE && !name.ends_with(".md") && !name.starts_with('.')
}

/// Whether a playbook can name a program so: `{program_dir}/NAME` ends at any other character.
pub(super) fn is_program_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_character)
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// The programs that a text names.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let end = |rest: &str| rest.find(|c| !is_name_character(c)).unwrap_or(rest.len());
    text.split(PREFIX).skip(1).map(move |rest| &rest[..end(rest)])
}

/// Notes every program that is named and not there. Of a playbook that is not yet in use, as opposed
/// to the copy in an open change, also those that cannot be run so.
pub(super) fn check(programs: &[Program], is_copy: bool, report: &mut Report<'_>) {
    let mut texts = Vec::new();
    of_table(report.root().get_ref(), &mut texts);
    for Text { text, span, is_first } in texts {
        if !is_copy && is_first && text.starts_with(PREFIX) {
            report.error_at(
                Some(span.clone()),
                "a program of the playbook is not executable where it runs",
                format!("name its interpreter before it, such as [\"sh\", {text:?}]"),
            );
        }
        for name in named(&text)
            .filter(|_| !is_copy)
            .filter(|name| programs.iter().any(|it| it.name == *name && it.bytes.is_empty()))
        {
            report.error_at(
                Some(span.clone()),
                format!("the program {name:?} is empty"),
                "write it: an interpreter takes an empty file for a success",
            );
        }
        for name in
            named(&text).filter(|name| !programs.iter().any(|program| program.name == *name))
        {
            let remedy = match nearest(name, programs.iter().map(Program::name)) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => match folder(report.origin()) {
                    Some(folder) => format!(
                        "put the program into {}, beside {PLAYBOOK_FILE}: a file, not a \
                            folder, its name without a dot at the beginning",
                        folder.display()
                    ),
                    None => format!(
                        "make the playbook a folder of its name, with the TOML as {PLAYBOOK_FILE} \
                            and {name:?} beside it"
                    ),
                },
            };
            report.error_at(
                Some(span.clone()),
                format!("the playbook brings no program {name:?}"),
                remedy,
            );
        }
    }
}

/// A text that names a program.
struct Text {
    text: String,
    span: std::ops::Range<usize>,
    /// Whether it is what a command starts.
    is_first: bool,
}

fn of_table(table: &DeTable<'_>, found: &mut Vec<Text>) {
    for (key, value) in table {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("argv", DeValue::Array(words)) => of_words(words, found),
            ("pipe", DeValue::Array(all)) => all
                .iter()
                .filter_map(|it| it.get_ref().as_array())
                .for_each(|it| of_words(it, found)),
            _ => of_value(value, found),
        }
    }
}

fn of_words<'a>(words: impl IntoIterator<Item = &'a Spanned<DeValue<'a>>>, found: &mut Vec<Text>) {
    for (i, word) in words.into_iter().enumerate() {
        let before = found.len();
        of_value(word, found);
        found[before..].iter_mut().for_each(|it| it.is_first = i == 0);
    }
}

fn of_value(value: &Spanned<DeValue<'_>>, found: &mut Vec<Text>) {
    match value.get_ref() {
        DeValue::String(text) if text.contains(PREFIX) => {
            found.push(Text { text: text.to_string(), span: value.span(), is_first: false })
        }
        DeValue::Array(items) => items.iter().for_each(|item| of_value(item, found)),
        DeValue::Table(table) => of_table(table, found),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Validated, built_in};
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
        let text = built_in::BUILT_IN[0]
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

    /// The folder is named, not made a second time.
    #[test]
    fn the_remedies_for_a_folder_are_those_of_a_folder() {
        let text = built_in::BUILT_IN[0]
            .text
            .replace("\"tallyctl\", \"rotate\"", "\"sh\", \"{program_dir}/rotate.sh\"");
        let origin = "/pb/other/playbook.toml";
        let said = Validated::with_programs(origin, Some("other"), &text, Vec::new());
        let said = said.unwrap_err().to_string();
        for expected in [
            "put the program into /pb/other, beside playbook.toml",
            "but the folder is \"other\"",
            "or call the folder \"generic\"",
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }

    /// A copy is not executable, so this would show in the middle of a downgrade only.
    #[test]
    fn a_program_needs_its_interpreter_in_the_command() {
        let text = built_in::BUILT_IN[0]
            .text
            .replace("\"tallyctl\", \"rotate\"", "\"{program_dir}/rotate.sh\"");
        let programs = vec![Program::new("rotate.sh", b"x".to_vec())];
        let said = Validated::with_programs("own", Some("generic"), &text, programs);
        let said = said.unwrap_err().to_string();
        assert!(
            said.contains("is not executable")
                && said.contains("[\"sh\", \"{program_dir}/rotate.sh\"]"),
            "{said}"
        );
    }

    /// Refusing what was accepted when the change was opened would bar the way back.
    #[test]
    fn an_open_change_s_copy_is_used_as_it_was_accepted() {
        let text = built_in::BUILT_IN[0]
            .text
            .replace("\"tallyctl\", \"rotate\"", "\"{program_dir}/rotate.sh\"")
            .replacen("service = \"running\"", "service = \"stopped\"", 1)
            .replace(
                "[restore]\n",
                "[[capture.pass]]\nabout = \"once more\"\nservice = \"maintenance\"\n\
                 new_files = [\"{datadir}/*\"]\n\n[restore]\n",
            );
        let parse = |stem| {
            let programs = vec![Program::new("rotate.sh", Vec::new())];
            Validated::with_programs("own", stem, &text, programs).map_err(|it| it.to_string())
        };
        let said = parse(Some("generic")).unwrap_err();
        for expected in ["is not executable", "is empty", "runs before the one above"] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        parse(None).unwrap();
    }

    /// `sh` ends without an error when there is nothing in its file.
    #[test]
    fn an_empty_program_is_refused() {
        let text = built_in::BUILT_IN[0]
            .text
            .replace("\"tallyctl\", \"rotate\"", "\"sh\", \"{program_dir}/rotate.sh\"");
        let programs = vec![Program::new("rotate.sh", Vec::new())];
        let said = Validated::with_programs("own", Some("generic"), &text, programs);
        let said = said.unwrap_err().to_string();
        assert!(said.contains("\"rotate.sh\" is empty"), "{said}");
    }
}
