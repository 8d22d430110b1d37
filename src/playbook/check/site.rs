//! From text to a site that fits its playbook.

mod data;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path as FilePath, PathBuf};

use crate::host::checksum::sha256;
use crate::playbook::Site;
use crate::playbook::check::commands::Commands;
use crate::playbook::model::{Hold, Strategy};
use crate::playbook::names::TemplatePlace;
use crate::playbook::problem::{Path, Problem, Problems, Report, nearest};
use crate::playbook::raw::{schema, shape};
use crate::playbook::validated::Validated;

/// A site that passed the check against its playbook.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidatedSite {
    site: Site,
    path: PathBuf,
    text: String,
    sha256: String,
    values: BTreeMap<String, String>,
    warnings: Vec<Problem>,
}

impl ValidatedSite {
    /// Checks a site. `playbook` finds the playbook of a name; when it fails the site is checked no
    /// further.
    ///
    /// # Errors
    /// Everything that is wrong in it, or what `playbook` returned.
    pub fn parse<E: From<Problems>>(
        path: &FilePath,
        text: &str,
        playbook: impl FnOnce(&str) -> Result<Validated, E>,
    ) -> Result<(Self, Validated), E> {
        let origin = path.display().to_string();
        let mut report = Report::new(&origin, text);
        if report.is_clean() {
            shape::check(schema::site(), &mut report);
        }
        let mut site = None;
        if report.is_clean() {
            match toml::from_str::<Site>(text) {
                Ok(read) => site = Some(read),
                Err(error) => report.value(&error),
            }
        }
        let Some(site) = site else {
            let nothing = Problems { origin: origin.clone(), problems: Vec::new() };
            return Err(report.finish().err().unwrap_or(nothing).into());
        };
        let playbook = playbook(&site.playbook)?;
        let values = Check { site: &site, playbook: &playbook, report: &mut report }.all();
        let warnings = report.finish()?;
        let playbook = playbook.at_site(&site);
        Ok((
            Self {
                path: path.to_owned(),
                text: text.to_owned(),
                sha256: sha256(text),
                site,
                values,
                warnings,
            },
            playbook,
        ))
    }

    /// What was read.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The file.
    pub fn path(&self) -> &FilePath {
        &self.path
    }

    /// The text as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text, hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The values known before anything is asked: the playbook's variables and `upgrade_to`.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// What is allowed but probably not meant.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

impl Deref for ValidatedSite {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

struct Check<'c, 'a> {
    site: &'c Site,
    playbook: &'c Validated,
    report: &'c mut Report<'a>,
}

impl Check<'_, '_> {
    fn all(&mut self) -> BTreeMap<String, String> {
        self.datasets();
        self.children();
        let version = &self.site.upgrade_to;
        if !version.starts_with(|c: char| c.is_ascii_digit())
            || version.contains(char::is_whitespace)
        {
            let remedy = "write the version wanted, whole or its first parts: \"11.8\"";
            self.report.error(
                &Path::of(&["upgrade_to"]),
                format!("{version:?} is not a version"),
                remedy,
            );
        }
        if let Some(store) = self.site.store.as_ref().filter(|store| !store.is_absolute()) {
            let what = format!("{:?} is not an absolute path", store.display().to_string());
            self.report.error(&Path::of(&["store"]), what, "write the whole path, from the `/` on");
        }
        if self
            .site
            .store
            .as_ref()
            .is_some_and(|store| store.to_string_lossy().contains(char::is_control))
        {
            self.report.error(
                &Path::of(&["store"]),
                "the path of `store` has a control character in it",
                "give it another name",
            );
        }
        if self.site.strategy == Strategy::SideBySide && self.playbook.side_by_side.is_none() {
            let what = format!("the playbook {} knows no side-by-side upgrade", self.playbook.name);
            self.report.error(
                &Path::of(&["strategy"]),
                what,
                "remove `strategy`, or add [side_by_side] to a copy of the playbook",
            );
        }
        self.hosts();
        self.nodes();
        self.hold();
        let values = self.variables();
        if self.report.is_clean() {
            self.paths(&values);
        }
        values
    }

    fn hold(&mut self) {
        let Some(Hold { start, stop, held, during: _ }) = &self.site.hold else { return };
        let at = Path::of(&["hold"]);
        let mut commands = Commands::new(self.playbook, self.report);
        for (name, command) in [("start", start), ("stop", stop), ("held", held)] {
            commands.command(&at.key(name), command, TemplatePlace::Service);
        }
    }

    fn nodes(&mut self) {
        let Some(cluster) = &self.site.cluster else { return };
        let at = Path::of(&["cluster"]);
        if self.playbook.cluster.is_none() {
            let what = format!(
                "the playbook {} does not say how a cluster is told to leave the service alone",
                self.playbook.name
            );
            let remedy = "add [cluster] to a copy of the playbook; without it the cluster would \
                start the service in the middle";
            self.report.error(&at, what, remedy);
        }
        if cluster.agent && self.playbook.cluster.as_ref().is_some_and(|it| it.agent.is_none()) {
            let what = format!("the playbook {} knows no agent of the cluster", self.playbook.name);
            self.report.error(&at.key("agent"), what, "remove `agent`");
        }
        if cluster.agent && cluster.shared_installation {
            let what = "the agent lies on each node, and with `shared_installation` the other \
                nodes have no part";
            self.report.error(
                &at.key("agent"),
                what,
                "remove `agent`, and upgrade the agent on each node by hand, after the product",
            );
        }
        if self.site.strategy == Strategy::SideBySide && !cluster.shared_installation {
            let what = "side by side, the new version is put beside the old one on the node that \
                has the data alone";
            let remedy = "have both, and the link, on storage that goes with the data, and add \
                `shared_installation = true` to [cluster]; or remove `strategy`";
            self.report.error(&at, what, remedy);
        }
        let odd = |name: &String| {
            name.is_empty()
                || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/')
        };
        for (i, name) in cluster.nodes.iter().enumerate().filter(|(_, name)| odd(name)) {
            self.report.error(
                &at.key("nodes").at(i),
                format!("{name:?} cannot be the name of a node"),
                "write it as the cluster has it",
            );
        }
        if cluster.nodes.len() < 2 {
            self.report.error(
                &at.key("nodes"),
                "a cluster has two nodes or more",
                "name all nodes that the service may run on",
            );
        }
        if let Some(node) = cluster.node.as_ref().filter(|node| !cluster.nodes.contains(node)) {
            self.report.error(
                &at.key("node"),
                format!("{node:?} is none of `nodes`"),
                "write one of them",
            );
        }
    }

    fn hosts(&mut self) {
        let (site, playbook) = (self.site, self.playbook);
        let coexistent = site.strategy == Strategy::Coexistent;
        if coexistent && playbook.coexistent.is_none() {
            let what = format!(
                "the playbook {} does not say how users move to another host",
                playbook.name
            );
            self.report.error(
                &Path::of(&["strategy"]),
                what,
                "remove `strategy`, or add [coexistent] to a copy of the playbook",
            );
        }
        match &site.hosts {
            None if coexistent => {
                let remedy = "add [hosts.old] and [hosts.new], each with its `name`, and `ssh` \
                    unless it is this host";
                self.report.error(
                    &Path::of(&["strategy"]),
                    "nothing says which hosts these are",
                    remedy,
                );
            }
            Some(_) if !coexistent => {
                let remedy = "write strategy = \"coexistent\", or remove [hosts]";
                self.report.error(
                    &Path::of(&["hosts"]),
                    "there are two hosts, and the strategy is for one",
                    remedy,
                );
            }
            Some(hosts) => {
                let known = |name: &str| playbook.variables.contains_key(name);
                crate::playbook::check::coexistent::hosts(
                    self.report,
                    &hosts.old,
                    &hosts.new,
                    known,
                );
            }
            None => {}
        }
    }

    fn variables(&mut self) -> BTreeMap<String, String> {
        let (known, at) = (&self.playbook.variables, Path::of(&["variables"]));
        for (name, value) in &self.site.variables {
            if !known.contains_key(name) {
                let remedy = match nearest(name, known.keys().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if known.is_empty() => {
                        "remove it: this playbook has no variables".to_owned()
                    }
                    None => format!(
                        "known to it: {}",
                        known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
                    ),
                };
                let what = format!("the playbook {} has no variable `{name}`", self.playbook.name);
                self.report.error(&at.key(name), what, remedy);
            } else if value.contains(char::is_control) {
                let remedy = "write it in one line, without control characters";
                self.report.error(
                    &at.key(name),
                    format!("the value of `{name}` has a control character in it"),
                    remedy,
                );
            }
        }
        let mut values = BTreeMap::from([("upgrade_to".to_owned(), self.site.upgrade_to.clone())]);
        // Those that have another one's value come last.
        let own = known.iter().filter(|(_, variable)| variable.same_as.is_none());
        for (name, variable) in own.chain(known.iter().filter(|(_, it)| it.same_as.is_some())) {
            let same = || variable.same_as.as_ref().and_then(|other| values.get(other));
            match self.site.variables.get(name).or(variable.default.as_ref()).or_else(same) {
                Some(value) => {
                    let value = value.clone();
                    values.insert(name.clone(), value);
                }
                // What the other one lacks is said of it alone.
                None if variable.same_as.is_some() => {}
                None => {
                    let what =
                        format!("the playbook {} needs the variable `{name}`", self.playbook.name);
                    self.report.error(
                        &at,
                        what,
                        format!("below [variables] write {name} = \"...\": {}", variable.about),
                    );
                }
            }
        }
        values
    }

    /// Paths that begin with a variable are absolute only when its value is.
    fn paths(&mut self, values: &BTreeMap<String, String>) {
        let playbook = self.playbook.playbook();
        let none = Vec::new();
        let beside = playbook
            .side_by_side
            .as_ref()
            .map(|it| vec![it.link.clone(), it.new.clone()])
            .unwrap_or_default();
        let lists = [
            ("data.paths", &playbook.data.paths),
            ("data.config", &playbook.data.config),
            ("data.outside", &playbook.data.outside),
            ("aside.also", playbook.aside.as_ref().map_or(&none, |aside| &aside.also)),
            ("full.paths", playbook.full.as_ref().map_or(&none, |full| &full.paths)),
            ("installer.files", &playbook.installer.files),
            ("side_by_side", &beside),
        ];
        for (field, template) in lists
            .iter()
            .flat_map(|(field, list)| list.iter().map(move |template| (field, template)))
        {
            let path = template.fill_known(&|name| values.get(name).cloned()).to_string();
            if !path.starts_with('/') {
                let name = template.names().next().unwrap_or_default();
                let at = if self.site.variables.contains_key(name) {
                    Path::of(&["variables", name])
                } else {
                    Path::default()
                };
                let what = format!(
                    "with it {field} of the playbook, {:?}, becomes {path:?}, which is not an \
                        absolute path",
                    template.source()
                );
                self.report.error(
                    &at,
                    what,
                    format!("give `{name}` a whole path, from the `/` on"),
                );
            }
        }
    }
}
