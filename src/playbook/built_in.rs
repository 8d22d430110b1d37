//! The playbooks that are compiled in.

use super::problem::Problems;
use super::programs::Program;
use super::validated::Validated;

/// What the origin of a playbook that is compiled in is called.
pub const BUILT_IN_ORIGIN: &str = "built in";

/// A playbook that is compiled in.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// Its name: that of its folder.
    pub name: &'static str,
    /// Its TOML.
    pub text: &'static str,
    /// Its programs: name and text.
    pub programs: &'static [(&'static str, &'static str)],
}

impl BuiltIn {
    /// Its content, checked like that of a file.
    ///
    /// # Errors
    /// When it has faults.
    pub(super) fn read(&self) -> Result<Validated, Problems> {
        let programs = self
            .programs
            .iter()
            .map(|(name, text)| Program::new(name, text.as_bytes().to_vec()))
            .collect();
        Validated::with_programs(BUILT_IN_ORIGIN, Some(self.name), self.text, programs)
    }
}

/// A playbook's folder, compiled in.
macro_rules! built_in {
    ($name:literal $(, $program:literal)*) => {
        BuiltIn {
            name: $name,
            text: include_str!(concat!("../../playbooks/", $name, "/playbook.toml")),
            programs: &[$(($program, include_str!(concat!("../../playbooks/", $name, "/", $program)))),*],
        }
    };
}

/// The playbooks compiled in.
pub const BUILT_IN: &[BuiltIn] = &[
    built_in!("generic"),
    built_in!(
        "mariadb",
        "accounts.sql",
        "routines.sql",
        "rows.sql",
        "tables.sql",
        "touched.sql",
        "views.sql",
        "whole-rows.sql",
        "whole.sql"
    ),
    built_in!("messaging-server"),
    built_in!("messaging-server-front"),
    built_in!(
        "postgresql",
        "collations.sql",
        "empty.sql",
        "globals.sql",
        "grants.sql",
        "rows.sql",
        "schema.sql",
        "upgrade.sh",
        "values.sql"
    ),
    built_in!("redis"),
];

impl Validated {
    /// The places of the commands that are still those of the example.
    pub fn left_of_the_example(&self) -> Vec<&'static str> {
        let Some(example) = BUILT_IN.iter().find(|it| it.name == EXAMPLE) else {
            return Vec::new();
        };
        let Ok(example) = example.read() else { return Vec::new() };
        let known: Vec<_> = example.commands();
        let own = self.commands().into_iter();
        let mut left: Vec<&'static str> =
            own.filter(|command| known.contains(command)).map(|(place, _)| place).collect();
        left.dedup();
        left.retain(|place| !matches!(*place, "upgrade.repair" | "downgrade.repair"));
        left
    }
}

/// The playbook that is an example of the format, and of no product.
pub const EXAMPLE: &str = "generic";
