//! `--answers FILE`: what an unattended run is told. `backout plan --answers FILE` writes it
//! complete and commented; a person fills it in.

use std::fmt::Write as _;
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::cli::Answers;
use crate::host::files::{stat_optional, write_atomic};
use crate::host::trust;
use crate::playbook::model::ResponseFile;
use crate::preflight::Finding;
use crate::report::{CliError, ErrorKind};

/// An answer: given, or still missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Answer {
    #[serde(rename = "yes")]
    Yes,
    #[serde(rename = "no")]
    No,
    #[serde(rename = "")]
    Missing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswersFile {
    procedure: String,
    begin: Answer,
    #[serde(default)]
    accept: IndexMap<String, Answer>,
    #[serde(default)]
    silent: IndexMap<String, String>,
}

impl Answers {
    /// With what the answers file says, if one was named. The command line comes before it.
    ///
    /// # Errors
    /// When it cannot be read, is for another procedure, or does not say to begin.
    pub fn with_file(&self, verb: &str) -> Result<Self, CliError> {
        if !self.silent.is_empty() && !matches!(verb, "upgrade" | "snapshot") {
            return Err(CliError::new(
                ErrorKind::Usage,
                format!(
                    "--silent is settled before the upgrade; `backout {verb}` does not take it"
                ),
            ));
        }
        let Some(path) = &self.answers else { return Ok(self.clone()) };
        let name = path.display();
        let unusable = |why: String| {
            CliError::new(ErrorKind::Usage, format!("the answers file {name} cannot be used"))
                .cause(why)
                .next(format!("backout plan {verb} --answers FILE"), "write a new one")
        };
        trust::check_path(path).map_err(|error| unusable(error.to_string()))?;
        let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
        let file: AnswersFile = toml::from_str(&text)
            .map_err(|error| unusable(error.to_string().trim_end().to_owned()))?;
        if file.procedure != verb {
            return Err(unusable(format!(
                "it is for `backout {}`, not for `backout {verb}`",
                file.procedure
            )));
        }
        let mut answers = self.clone();
        match file.begin {
            Answer::Yes => answers.yes = true,
            _ if self.yes || self.dry_run => {}
            Answer::No => {
                return Err(CliError::new(
                    ErrorKind::Refused,
                    format!("the answers file {name} says not to begin"),
                ));
            }
            Answer::Missing => {
                let error = CliError::new(
                    ErrorKind::AnswerMissing,
                    "an answer is missing: whether to begin without asking",
                );
                return Err(error
                    .next(format!("begin = \"yes\" in {name}"), "or --yes on the command line"));
            }
        }
        let given = file
            .accept
            .into_iter()
            .filter(|(_, answer)| *answer == Answer::Yes)
            .map(|(name, _)| name);
        answers.accept.extend(given);
        let mut silent: Vec<String> =
            file.silent.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        // What comes later counts.
        silent.extend(self.silent.iter().cloned());
        answers.silent = silent;
        Ok(answers)
    }
}

/// The lines `KEY=VALUE` of a file that the vendor's installer wrote (`#` begins a comment).
///
/// # Errors
/// When it cannot be read.
pub fn vendors(path: &Path) -> Result<Vec<String>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::new(ErrorKind::Usage, format!("{} cannot be read", path.display()))
            .cause(error.to_string())
    })?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn comment(text: &mut String, lines: &str) {
    for line in lines.lines() {
        let _ = writeln!(text, "# {line}");
    }
}

/// An answers file with a place for every answer that the procedure needs now.
pub fn template(
    verb: &str,
    findings: &[Finding],
    section: Option<&ResponseFile>,
    values: &[(String, String)],
) -> String {
    let mut text = String::new();
    comment(
        &mut text,
        &format!(
            "The answers for `backout {verb} --answers FILE`, which then asks nothing.\n\
             Each is \"yes\" or \"no\". An empty one (\"\") is missing: then nothing begins, and backout names it.\n\
             The command line (--yes, --accept NAME, --silent KEY=VALUE) takes precedence over this file."
        ),
    );
    let _ = writeln!(text, "\nprocedure = {}\n", quoted(verb));
    comment(&mut text, "Begin without asking.");
    let _ = writeln!(text, "begin = \"\"\n\n[accept]");
    let mut none = true;
    for finding in findings.iter().filter(|finding| finding.asks()) {
        none = false;
        comment(&mut text, &finding.to_string());
        for name in finding.names() {
            let _ = writeln!(text, "{} = \"\"", quoted(name));
        }
        text.push('\n');
    }
    if none {
        comment(&mut text, "Nothing needs an answer now.");
        text.push('\n');
    }
    if let Some(section) = section {
        comment(&mut text, &section.about);
        let _ = writeln!(text, "[silent]");
        for (key, value) in values {
            comment(&mut text, section.keys.get(key).map_or("", |known| &known.about));
            let _ = writeln!(text, "{key} = {}", quoted(value));
        }
    }
    text
}

/// Writes it; a file that is there is left alone.
///
/// # Errors
/// When there is one, or it cannot be written.
pub fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let found = stat_optional(path).map_err(|error| {
        CliError::new(ErrorKind::Failed, format!("cannot tell whether {} is there", path.display()))
            .because(&error.into())
    })?;
    if found.is_some() {
        let error = CliError::new(
            ErrorKind::Usage,
            format!("{} is there already: it may hold answers", path.display()),
        );
        return Err(error.next("backout plan --answers OTHER-FILE", "write another one"));
    }
    write_atomic(path, text.as_bytes()).map_err(|error| {
        CliError::new(ErrorKind::Failed, format!("{} could not be written", path.display()))
            .because(&error.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::{Kind, Severity};
    use crate::procedure::response_file;

    fn section() -> ResponseFile {
        toml::from_str(
            "about = 'the state file'\n[keys.VERB]\nabout = 'what to do'\ndefault = \
                'upgrade'\n[keys.ALTROOT]\nabout = 'elsewhere'\n",
        )
        .unwrap()
    }

    fn values(given: &[&str]) -> Result<Vec<(String, String)>, CliError> {
        let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
        response_file::values(Some(&section()), |text| Ok(text.to_string()), &given)
    }

    #[test]
    fn an_answers_file_is_filled_in_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("answers.toml");
        let finding = Finding {
            kind: Kind::Question,
            severity: Severity::Confirm,
            title: "is it so? It was tried.".into(),
            detail: Vec::new(),
            remedy: vec!["If it is: --accept tested".into()],
            subjects: vec!["tested".into(), "tank/a b@x".into()],
            answered: false,
        };
        let text =
            template("upgrade", &[finding], Some(&section()), &values(&[]).unwrap_or_default());
        insta::assert_snapshot!(text, @r#"
            # The answers for `backout upgrade --answers FILE`, which then asks nothing.
            # Each is "yes" or "no". An empty one ("") is missing: then nothing begins, and backout names it.
            # The command line (--yes, --accept NAME, --silent KEY=VALUE) takes precedence over this file.

            procedure = "upgrade"

            # Begin without asking.
            begin = ""

            [accept]
            # confirm: is it so? It was tried. [question]
            #   to do: If it is: --accept tested
            "tested" = ""
            "tank/a b@x" = ""

            # the state file
            [silent]
            # elsewhere
            ALTROOT = ""
            # what to do
            VERB = "upgrade"
            "#);
        write(&path, &text).unwrap_or_else(|error| panic!("{}", error.what));
        assert!(write(&path, &text).is_err());
        let answers = Answers {
            answers: Some(path.clone()),
            silent: vec!["ALTROOT=/c".into()],
            ..Answers::default()
        };
        let refused =
            |verb: &str| answers.with_file(verb).err().map(|error| error.what).unwrap_or_default();
        assert_eq!(refused("upgrade"), "an answer is missing: whether to begin without asking");
        std::fs::remove_file(&path).unwrap();
        let filled = text
            .replace("begin = \"\"", "begin = \"yes\"")
            .replacen("\" = \"\"", "\" = \"yes\"", 1)
            .replace("ALTROOT = \"\"", "ALTROOT = \"/b\"");
        write(&path, &filled).unwrap_or_else(|error| panic!("{}", error.what));
        assert!(refused("downgrade").contains("--silent is settled before the upgrade"));
        let other =
            Answers { answers: Some(path.clone()), ..Answers::default() }.with_file("downgrade");
        assert!(other.is_err_and(|error| error.what.contains("cannot be used")));
        let read = answers.with_file("upgrade").unwrap_or_else(|error| panic!("{}", error.what));
        assert!(read.yes && read.accept == ["tested"], "{read:?}");
        assert_eq!(read.silent, ["ALTROOT=/b", "VERB=upgrade", "ALTROOT=/c"]);
    }
}
