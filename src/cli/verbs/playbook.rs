//! `backout playbook`: what products are known, and whether a playbook is right.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::cli::{Exit, Global, prompt, render};
use crate::host::files::{folder_of, private_dir, stat_optional, write_atomic};
use crate::playbook::programs::PLAYBOOK_FILE;
use crate::playbook::{Validated, built_in, library, schema};
use crate::procedure::init::Choice;
use crate::procedure::scaffold;
use crate::report::{CliError, ErrorKind};

/// What to do with playbooks.
#[derive(Debug, Subcommand)]
pub enum PlaybookVerb {
    /// List the playbooks that are known.
    List,
    /// Print a playbook.
    Show {
        /// Its name, or its folder or file.
        name: String,
    },
    /// Print a new playbook to be filled in, with the meaning of every field.
    New {
        /// Its name: lower-case letters, digits, `-`.
        name: String,
        /// Begin with what this host tells about this Debian package, instead of the example. At a
        /// terminal you are asked, where a package is called like the playbook.
        #[arg(long, value_name = "PACKAGE")]
        from: Option<String>,
    },
    /// Print a JSON Schema, for an editor.
    Schema {
        /// Of which files.
        #[arg(default_value = "playbook")]
        of: SchemaOf,
    },
    /// Copy a playbook with its programs into a folder, to be changed.
    Copy {
        /// Its name.
        name: String,
        /// The folder of playbooks. The copy is DIR/NAME.
        #[arg(default_value = library::DIRS[0])]
        dir: PathBuf,
    },
    /// Take a mended playbook or site file into the open change. Shows what is another, and asks.
    Replace(super::replace::ReplaceArgs),
    /// Run the commands of a playbook that only read, and show what they say. Changes nothing.
    Try(super::playbook_try::TryArgs),
    /// Check a playbook.
    Check {
        /// Its folder, or its file.
        file: PathBuf,
    },
}

/// The files that have a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaOf {
    /// A `playbook.toml`.
    Playbook,
    /// A site file.
    Site,
}

/// Whether nothing is there yet.
fn new(folder: &Path) -> anyhow::Result<()> {
    let found =
        stat_optional(folder).with_context(|| format!("cannot look at {}", folder.display()))?;
    anyhow::ensure!(found.is_none(), "it is there already");
    Ok(())
}

/// Writes a playbook into a folder that is not there yet: all of it, or nothing. Returns the names
/// of the files.
fn copy(playbook: &Validated, folder: &Path) -> anyhow::Result<Vec<String>> {
    let parent = folder_of(folder);
    private_dir(parent).context("the folder cannot be made")?;
    // For root alone, and removed again if anything fails.
    let beside = tempfile::Builder::new().prefix(".backout-copy-").tempdir_in(parent);
    let beside = beside.context("the folder cannot be made")?;
    let mut made = Vec::new();
    let programs = playbook.programs().iter().map(|program| (program.name(), program.bytes()));
    // The TOML last: without it the folder is not a playbook.
    for (name, bytes) in programs.chain([(PLAYBOOK_FILE, playbook.text().as_bytes())]) {
        write_atomic(&beside.path().join(name), bytes)
            .with_context(|| format!("{name} cannot be written"))?;
        made.push(name.to_owned());
    }
    std::fs::rename(beside.path(), folder).context("the folder cannot be given its name")?;
    Ok(made)
}

/// What a check without faults comes to: no command was run, and the example's are no product's.
fn checked(file: &str, playbook: &Validated) {
    let name = &playbook.playbook().name;
    let left = playbook.left_of_the_example();
    if left.is_empty() {
        render::line(&format!("{file}: playbook `{name}` is well formed"));
    } else {
        render::line(&format!("{file}: playbook `{name}` is well formed, but not filled in"));
        const SHOWN: usize = 8;
        let more = left.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown = left.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
        render::line(&format!("  still as in the example: {shown}{more}"));
    }
    if playbook.origin() != built_in::BUILT_IN_ORIGIN {
        render::line("  no command was run: `backout playbook try` runs those that only read");
    }
}

/// Does it.
pub fn run(global: &Global, verb: &PlaybookVerb) -> Result<Exit, CliError> {
    match verb {
        PlaybookVerb::List => {
            let listed = library::list(&global.settings().playbook_dirs()).map_err(unusable)?;
            if global.json {
                let list: Vec<_> = listed
                    .iter()
                    .map(|one| match &one.playbook {
                        Ok(playbook) => {
                            json!({
                                "name": one.name, "origin": one.origin,
                                "title": playbook.playbook().title, "shadowed": one.shadowed,
                            })
                        }
                        Err(error) => {
                            json!({
                                "name": one.name, "origin": one.origin,
                                "error": error.to_string(), "shadowed": one.shadowed,
                            })
                        }
                    })
                    .collect();
                render::json::line(&json!({ "result": "playbooks", "playbooks": list }));
                return Ok(Exit::Done);
            }
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            // A log gets each on one line, for searching.
            if std::io::stdout().is_terminal() {
                table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
                table.set_width(u16::try_from(textwrap::termwidth()).unwrap_or(80));
            }
            table.set_header(["NAME", "TITLE", "FROM"]);
            for one in &listed {
                let title = one
                    .playbook
                    .as_ref()
                    .map_or("(has faults; see `backout playbook check FILE`)", |playbook| {
                        playbook.playbook().title.as_str()
                    });
                let shadow =
                    if one.shadowed { " (another of this name comes before it)" } else { "" };
                table.add_row([one.name.as_str(), title, &format!("{}{shadow}", one.origin)]);
            }
            for row in table.to_string().lines() {
                render::line(row.trim_end());
            }
            Ok(Exit::Done)
        }
        PlaybookVerb::Show { name } => {
            let playbook = named(global, name).map_err(unusable)?;
            if global.json {
                render::json::line(&json!({
                    "result": "playbook", "origin": playbook.origin(),
                    "playbook": playbook.playbook(),
                }));
            } else {
                render::line(playbook.text().trim_end());
            }
            Ok(Exit::Done)
        }
        PlaybookVerb::Schema { of } => {
            let schema = match of {
                SchemaOf::Playbook => schema::playbook(),
                SchemaOf::Site => schema::site(),
            };
            render::line(&serde_json::to_string_pretty(schema).unwrap_or_default());
            Ok(Exit::Done)
        }
        PlaybookVerb::New { name, from } => {
            let found = match from {
                Some(package) => Some(scaffold::look(package).map_err(|why| {
                    CliError::new(
                        ErrorKind::Refused,
                        format!("the package {package} is not found here"),
                    )
                    .cause(why)
                    .next(format!("backout playbook new {name}"), "begin with the example")
                })?),
                None => detected(name)?,
            };
            let text = match found {
                Some(found) => scaffold::scaffold(name, &chosen(name, found)?),
                None => example(name)?,
            };
            render::line(text.trim_end());
            Ok(Exit::Done)
        }
        PlaybookVerb::Copy { name, dir } => {
            let playbook =
                library::find(name, &global.settings().playbook_dirs()).map_err(unusable)?;
            let folder = dir.join(&playbook.playbook().name);
            let failed = |error: anyhow::Error| {
                let what = format!("the playbook could not be copied to {}", folder.display());
                CliError::new(ErrorKind::Failed, what).because(&error)
            };
            new(&folder).map_err(failed)?;
            let made = copy(&playbook, &folder).map_err(failed)?;
            if global.json {
                render::json::line(&json!({ "result": "copied", "folder": folder, "files": made }));
            } else {
                render::line(&format!("{}: {}", folder.display(), made.join(", ")));
            }
            Ok(Exit::Done)
        }
        PlaybookVerb::Replace(arguments) => super::replace::run(global, arguments),
        PlaybookVerb::Try(arguments) => super::playbook_try::run(global, arguments),
        PlaybookVerb::Check { file } => {
            let playbook = library::load_playbook(file).map_err(unusable)?;
            if global.json {
                render::json::line(&json!({
                    "result": "check", "origin": playbook.origin(),
                    "warnings": playbook.warnings(),
                }));
            } else {
                for warning in playbook.warnings() {
                    render::line(&warning.as_warning(&file.display().to_string()));
                }
                checked(&file.display().to_string(), &playbook);
            }
            Ok(Exit::Done)
        }
    }
}

/// One that is known by its name, or is at this place.
fn named(global: &Global, name: &str) -> Result<Validated, library::LibraryError> {
    let path = Path::new(name);
    if name.contains('/') || name.ends_with(".toml") {
        return library::load_playbook(path);
    }
    match library::find(name, &global.settings().playbook_dirs()) {
        Err(library::LibraryError::Unknown { .. }) if path.is_dir() => library::load_playbook(path),
        found => found,
    }
}

fn unusable(error: library::LibraryError) -> CliError {
    let missing = matches!(error, library::LibraryError::Unknown { .. });
    let said =
        CliError::new(ErrorKind::Usage, "the playbook cannot be used").cause(error.to_string());
    if missing { said.next("backout playbook list", "see the playbooks") } else { said }
}

/// The example under another name.
fn example(name: &str) -> Result<String, CliError> {
    let sample = library::find("generic", &[]).map_err(unusable)?;
    let text = sample.text().replace("name = \"generic\"", &format!("name = \"{name}\""));
    let made = Validated::parse("the new playbook", Some(name), &text)
        .map_err(|problems| unusable(problems.into()))?;
    Ok(made.text().to_owned())
}

/// An installed package that is called like the playbook, if a person at a terminal wants it.
fn detected(name: &str) -> Result<Option<scaffold::Found>, CliError> {
    if !prompt::terminal() {
        return Ok(None);
    }
    for package in [name.to_owned(), format!("{name}-server")] {
        let Ok(found) = scaffold::look(&package) else { continue };
        let question = format!(
            "The package {package} {} is installed. Begin with what this host tells about it?",
            found.version
        );
        let command = format!("backout playbook new {name} --from {package}");
        return Ok(prompt::agreed(&question, false, &command)?.then_some(found));
    }
    Ok(None)
}

/// The same with the folder that has the data first, as a person at a terminal says.
fn chosen(name: &str, mut found: scaffold::Found) -> Result<scaffold::Found, CliError> {
    if found.data.len() < 2 || !prompt::terminal() {
        return Ok(found);
    }
    let choice = Choice {
        question: "Which folder has the data?".to_owned(),
        option: String::new(),
        items: found.data.iter().map(|it| (it.path.clone(), it.why.clone())).collect(),
    };
    let at = prompt::choose(&choice, &format!("backout playbook new {name}"))?;
    found.data.swap(0, at);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::playbook::programs::Program;

    #[test]
    fn a_copy_has_the_programs_and_can_be_used() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = dir.path().join("own/mariadb");
        let playbook = library::find("mariadb", &[]).expect("built in");
        new(&folder).expect("nothing is there");
        let copied = copy(&playbook, &folder).expect("copied");
        assert!(["accounts.sql", "playbook.toml"].iter().all(|it| copied.iter().any(|c| c == it)));
        assert_eq!(new(&folder).expect_err("it is there").to_string(), "it is there already");
        let mode =
            std::fs::metadata(folder.join("accounts.sql")).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let copied = library::find("mariadb", &[dir.path().join("own")]).expect("valid");
        assert_ne!(copied.origin(), built_in::BUILT_IN_ORIGIN);
        assert_eq!(copied.programs(), playbook.programs());
    }

    #[test]
    fn a_copy_that_fails_leaves_nothing_to_remove() {
        let dir = tempfile::tempdir().expect("temp dir");
        let text = library::find("redis", &[]).expect("built in").text().to_owned();
        let programs = ["keys.lua", "no/such"].map(|name| Program::new(name, b"x".to_vec()));
        let playbook = Validated::with_programs("own", None, &text, programs.into());
        copy(&playbook.expect("valid"), &dir.path().join("redis")).expect_err("no such folder");
        assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 0);
    }
}
