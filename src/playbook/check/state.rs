//! What must be so in a playbook for a product with data, or without, and for the strategies beside
//! the usual one.

use crate::playbook::check::{Check, is_plain};
use crate::playbook::problem::Path;

impl Check<'_, '_> {
    /// What a product with data of its own needs, one without must not have.
    pub(in crate::playbook) fn state(&mut self) {
        let it = self.playbook;
        let of_state = [
            (
                Path::of(&["capture"]),
                it.capture.is_some(),
                "say how what was written since the snapshot is backed up",
            ),
            (
                Path::of(&["restore"]),
                it.restore.is_some(),
                "say how that is brought into the previous version",
            ),
            (
                Path::of(&["service", "maintenance"]),
                it.service.maintenance.is_some(),
                "say how the server runs without its clients",
            ),
            (
                Path::of(&["data", "paths"]),
                !it.data.paths.is_empty(),
                "name the folders that hold the product's data",
            ),
            (
                Path::of(&["inventory"]),
                !it.inventories.is_empty(),
                "add an [[inventory]], a command that lists what the product holds, one item a \
                    line: without it nothing proves that the data came back",
            ),
        ];
        for (at, there, remedy) in of_state {
            if it.stateless && there {
                let what = format!(
                    "`{at}` is there, but the playbook says that the product keeps no data \
                        (`stateless`)"
                );
                self.report.error(&at, what, "remove one of them");
            } else if !it.stateless && !there {
                self.report.missing(
                    &at,
                    format!("`{at}` is missing"),
                    format!("{remedy}; or write `stateless = true`, if it keeps no data"),
                );
            }
        }
        if it.stateless && it.full.is_some() {
            self.report.error(
                &Path::of(&["full"]),
                "`full` is there, but the product keeps no data (`stateless`)",
                "remove one of them",
            );
        }
        let plain = |name: &&String| {
            !name.is_empty() && !name.contains(['/', '{']) && name.as_str() != ".."
        };
        for (i, name) in it
            .side_by_side
            .iter()
            .flat_map(|it| &it.data_links)
            .enumerate()
            .filter(|(_, name)| !plain(name))
        {
            let at = Path::of(&["side_by_side", "data_links"]).at(i);
            self.report.error(
                &at,
                format!("{name:?} cannot be the name of a link"),
                "write the bare name, as it stands in an installation",
            );
        }
        for (key, known) in it.response_file.iter().flat_map(|file| &file.keys) {
            let at = Path::of(&["response_file", "keys", key]);
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                self.report.error(
                    &at,
                    format!("{key:?} cannot be a key"),
                    "use letters, digits and `_`",
                );
            }
            self.required(
                &at.key("about"),
                &known.about,
                "say what it means: the person who fills in the answers file reads it",
            );
            if known.expect.is_some() {
                self.required(
                    &at.key("remedy"),
                    &known.remedy,
                    "say what the operator does if the value is another one",
                );
            }
        }
        if it.full.as_ref().is_some_and(|full| full.paths.is_empty()) {
            self.report.error(
                &Path::of(&["full", "paths"]),
                "`full.paths` is empty",
                "name the folders that are moved aside",
            );
        }
        if let Some(cluster) = &it.cluster {
            let at = Path::of(&["cluster"]);
            if let Some(agent) = cluster.agent.as_ref().filter(|it| it.ready.is_some()) {
                self.required(
                    &at.key("agent").key("remedy"),
                    &agent.remedy,
                    "say what the operator does when it may not be upgraded",
                );
            }
        }
        if let Some(coexistent) = &it.coexistent {
            self.coexistent(coexistent);
        }
        for (i, question) in it.questions.iter().enumerate() {
            let at = Path::of(&["question"]).at(i);
            if !is_plain(&question.name, '-') {
                let remedy =
                    "use lower-case letters, digits and `-`, a letter first, such as \"tested\"";
                self.report.error(
                    &at.key("name"),
                    format!("{:?} cannot be the name of a question", question.name),
                    remedy,
                );
            }
            if it.questions[..i].iter().any(|earlier| earlier.name == question.name) {
                let what = format!("there are two questions of the name {:?}", question.name);
                self.report.error(&at.key("name"), what, "give one of them another name");
            }
            self.required(&at.key("about"), &question.about, "say in a sentence what must be so");
            self.required(
                &at.key("remedy"),
                &question.remedy,
                "say what the operator does if it is not so",
            );
        }
    }
}
