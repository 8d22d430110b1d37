//! `backout playbook`: what products are known, and whether a playbook or a site file is right.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::cli::{Exit, Global, render};
use crate::playbook::{Validated, library};
use crate::report::{CliError, ErrorKind};

/// What to do with playbooks.
#[derive(Debug, Subcommand)]
pub enum PlaybookVerb {
    /// List the playbooks that are known.
    List,
    /// Print a playbook.
    Show {
        /// Its name.
        name: String,
    },
    /// Print a new playbook to be filled in, with the meaning of every field.
    New {
        /// Its name: lower-case letters, digits, `-`.
        name: String,
    },
    /// Check the file of a playbook.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// Does it.
pub fn run(global: &Global, verb: &PlaybookVerb) -> Result<Exit, CliError> {
    let unusable = |error: library::LibraryError| CliError::new(ErrorKind::Usage, "the playbook cannot be used").cause(error.to_string());
    match verb {
        PlaybookVerb::List => {
            let listed = library::list(&global.settings().playbook_dirs()).map_err(unusable)?;
            if global.json {
                let list: Vec<_> = listed
                    .iter()
                    .map(|one| match &one.playbook {
                        Ok(playbook) => {
                            json!({ "name": one.name, "origin": one.origin, "title": playbook.playbook().title, "shadowed": one.shadowed })
                        }
                        Err(error) => {
                            json!({ "name": one.name, "origin": one.origin, "error": error.to_string(), "shadowed": one.shadowed })
                        }
                    })
                    .collect();
                render::json::line(&json!({ "result": "playbooks", "playbooks": list }));
                return Ok(Exit::Done);
            }
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            table.set_header(["NAME", "TITLE", "FROM"]);
            for one in &listed {
                let title = one
                    .playbook
                    .as_ref()
                    .map_or("(has faults; see `backout playbook check FILE`)", |playbook| playbook.playbook().title.as_str());
                let shadow = if one.shadowed { " (another of this name comes before it)" } else { "" };
                table.add_row([one.name.as_str(), title, &format!("{}{shadow}", one.origin)]);
            }
            for row in table.to_string().lines() {
                render::line(row.trim_end());
            }
            Ok(Exit::Done)
        }
        PlaybookVerb::Show { name } => {
            let playbook = library::find(name, &global.settings().playbook_dirs()).map_err(unusable)?;
            if global.json {
                render::json::line(&json!({ "result": "playbook", "origin": playbook.origin(), "playbook": playbook.playbook() }));
            } else {
                render::line(playbook.text().trim_end());
            }
            Ok(Exit::Done)
        }
        PlaybookVerb::New { name } => {
            let sample = library::find("generic", &[]).map_err(unusable)?;
            let text = sample.text().replace("name = \"generic\"", &format!("name = \"{name}\""));
            let made = Validated::parse("the new playbook", Some(name), &text).map_err(|problems| unusable(problems.into()))?;
            render::line(made.text().trim_end());
            Ok(Exit::Done)
        }
        PlaybookVerb::Check { file } => {
            let playbook = library::load_playbook(file).map_err(unusable)?;
            if global.json {
                render::json::line(&json!({ "result": "check", "origin": playbook.origin(), "warnings": playbook.warnings() }));
            } else {
                for warning in playbook.warnings() {
                    render::line(&warning.as_warning(&file.display().to_string()));
                }
                render::line(&format!("{}: playbook `{}` is right", file.display(), playbook.playbook().name));
            }
            Ok(Exit::Done)
        }
    }
}
