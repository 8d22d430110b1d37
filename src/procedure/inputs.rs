//! Everything that a procedure is planned from: site, playbook, and the host's facts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Settings, changes, response_file};
use crate::host::exec::{Interrupt, Runner};
use crate::host::{own_path, pools};
use crate::journal::{Layout, NodePart, Output, Phase, StepId, copies};
use crate::playbook::model::Playbook;
use crate::playbook::site::{FullProofChoice, RollbackChoice};
use crate::playbook::{DataStrategy, Site, Template, Validated, ValidatedSite, library};
use crate::preflight::sources::{OpenChange, Role};
use crate::preflight::{self, Facts, Occasion, Sources};
use crate::report::{CliError, ErrorKind};
use crate::step::State;
use crate::zfs::{self, Dataset, Engine};

/// Site, playbook, and access to the host.
pub struct ProcedureInputs {
    /// This host's values.
    pub site: ValidatedSite,
    /// How the product is handled.
    pub playbook: Validated,
    /// ZFS.
    pub engine: Box<dyn Engine>,
    /// Processes; no log, no marker.
    pub runner: Runner,
    /// The playbook's programs, for the commands that run before a change is open.
    programs: Option<copies::Loose>,
    /// This node's part, where a cluster starts and watches the service: as it is now.
    pub(super) node: Option<NodePart>,
    /// Playbook and site, reduced to what a node without the data does.
    other: Option<(Playbook, Site)>,
}

/// Site and playbook as they were when the change was opened, from its folder.
///
/// # Errors
/// When one cannot be read, or is not the copy that was made then.
pub(super) fn copies_of(settings: &Settings, state: &State) -> Result<(ValidatedSite, Validated)> {
    let layout = settings.layout(&state.manifest);
    let text = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (playbook_text, site_text) = (text(&layout.playbook())?, text(&layout.site())?);
    let programs = copies::read(&layout, &state.manifest.programs)?;
    let origin = layout.playbook().display().to_string();
    let playbook = Validated::with_programs(&origin, None, &playbook_text, programs)?;
    let (site, playbook) = ValidatedSite::parse(&layout.site(), &site_text, |_| {
        Ok::<_, crate::playbook::Problems>(playbook)
    })?;
    for (path, found, recorded) in [
        (layout.playbook(), playbook.sha256(), &state.manifest.playbook_sha256),
        (layout.site(), site.sha256(), &state.manifest.site_sha256),
    ] {
        anyhow::ensure!(
            found == recorded,
            "{} is not the copy that was taken into the change",
            path.display()
        );
    }
    Ok((site, playbook))
}

impl ProcedureInputs {
    /// From the files that the command line names.
    pub fn open(settings: &Settings) -> Result<Self, CliError> {
        let (site, playbook) = library::load_site(&settings.site, &settings.playbook_dirs())
            .map_err(|error| {
                let what = "the site file or its playbook cannot be used";
                let says = CliError::new(ErrorKind::Usage, what).cause(error.to_string());
                if error.is_missing(&settings.site) {
                    says.next("backout init", "find the product, its data and the new release")
                } else {
                    says.next(
                        "backout playbook show generic",
                        "see how a playbook and a site file are written",
                    )
                }
            })?;
        Self::with(settings, site, playbook, None)
    }

    /// From a site file that is not written yet.
    pub(super) fn drafted(
        settings: &Settings,
        site: ValidatedSite,
        playbook: Validated,
    ) -> Result<Self, CliError> {
        Self::with(settings, site, playbook, None)
    }

    /// From the copies in a change's folder. Later edits of the originals do not count.
    pub fn of_change(settings: &Settings, state: &State) -> Result<Self, CliError> {
        let read = || copies_of(settings, state);
        let (site, playbook) = read().map_err(|error| {
            CliError::new(
                ErrorKind::Halted,
                format!(
                    "the change's own copies of site and playbook cannot be used ({})",
                    state.manifest.change
                ),
            )
            .because(&error)
            .next(
                "backout playbook replace",
                "put the installed playbook in its place; or give another one, and `--with-site` for \
                 the site file",
            )
        })?;
        Self::with(settings, site, playbook, Some(state))
    }

    fn with(
        settings: &Settings,
        site: ValidatedSite,
        playbook: Validated,
        state: Option<&State>,
    ) -> Result<Self, CliError> {
        let runner = Runner::new(None, None, Interrupt::default());
        let engine = settings.engine(&runner)?;
        let programs = match playbook.programs() {
            [] => None,
            programs => Some(copies::Loose::write(programs).map_err(|error| {
                CliError::new(
                    ErrorKind::Failed,
                    "the playbook's programs could not be written \
                    into a folder for temporary files",
                )
                .because(&error.into())
            })?),
        };
        let mut inputs = Self { site, playbook, engine, runner, programs, node: None, other: None };
        inputs.node = inputs.part(settings);
        let opened = state.map_or(inputs.node.as_ref(), |state| state.manifest.cluster.as_ref());
        if opened.is_some_and(|part| !part.data) {
            let site = Site {
                datasets: Vec::new(),
                rollback: RollbackChoice::Keep,
                full_proof: FullProofChoice::default(),
                ..inputs.site.site().clone()
            };
            inputs.other = Some((inputs.playbook.other_node(), site));
        }
        Ok(inputs)
    }

    /// The values of the placeholders in a command that runs now. The journal does not record the
    /// paths of programs, because they can differ when the change is resumed.
    pub(super) fn values(&self) -> BTreeMap<String, String> {
        let mut values = self.site.values().clone();
        values.extend(
            self.programs
                .as_ref()
                .map(|it| ("program_dir".to_owned(), it.path().display().to_string())),
        );
        values.extend(own_path().map(|path| ("backout".to_owned(), path)));
        values
    }

    /// Which node this is, and whether it has the data.
    fn part(&self, settings: &Settings) -> Option<NodePart> {
        let (nodes, how) = (self.site.cluster.as_ref()?, self.playbook.cluster.as_ref()?);
        let node = nodes.node.clone().unwrap_or_else(|| settings.host.clone());
        let data = match &how.here {
            Some(spec) => {
                let value = |name: &str| {
                    if name == "node" {
                        Some(node.clone())
                    } else {
                        self.site.values().get(name).cloned()
                    }
                };
                spec.template().fill(&value).is_ok_and(|command| self.runner.run(&command).is_ok())
            }
            None => self
                .site
                .datasets
                .iter()
                .all(|dataset| matches!(self.engine.dataset(dataset), Ok(Some(_)))),
        };
        let others = nodes
            .nodes
            .iter()
            .filter(|name| **name != node && !nodes.shared_installation)
            .cloned()
            .collect();
        Some(NodePart { node, others, data, agent: nodes.agent })
    }

    /// The playbook, as it applies to this node.
    pub fn product(&self) -> &Playbook {
        self.other.as_ref().map_or(self.playbook.playbook(), |(playbook, _)| playbook)
    }

    /// The site, as it applies to this node.
    pub fn place(&self) -> &Site {
        self.other.as_ref().map_or(self.site.site(), |(_, site)| site)
    }

    /// The host's facts, for a procedure of this kind.
    pub fn facts(
        &self,
        settings: &Settings,
        occasion: Occasion,
        state: Option<&State>,
        snapshot: Option<String>,
    ) -> Result<Facts, CliError> {
        if crate::strategy::data_of(self.data_strategy()).moves_users() {
            return Err(CliError::new(
                ErrorKind::Usage,
                "the site file names two hosts: nothing is upgraded here, users move",
            )
            .next("backout migrate --user NAME", "move a user to the host with the new version"));
        }
        // The queries below would wait for a suspended pool.
        pools::none_suspended(&pools::watched(
            "/proc".as_ref(),
            self.place().datasets.iter().map(|dataset| dataset.pool().to_string()),
        ))
        .map_err(|suspended| CliError::new(ErrorKind::Refused, suspended.to_string()))?;
        let mut values = self.values();
        if let Some(state) = state {
            values.extend(state.manifest.values.clone());
            values.insert("from_version".into(), state.manifest.from_version.clone());
        }
        let change = state.map(|state| state.manifest.change.clone());
        let id = change.clone().unwrap_or_else(|| "new".into());
        let store = self.place().store.clone();
        let layout = Layout::new(&settings.state, &id, store.as_deref());
        let mut places = vec![
            (Role::Journal, layout.journal()),
            (Role::Log, layout.log()),
            (Role::Captures, layout.capture()),
            (Role::Installers, layout.installer()),
            (Role::Settings, settings.site.clone()),
        ];
        places.extend(std::env::current_exe().ok().map(|path| (Role::Program, path)));
        let installers = match state.and_then(|state| state.outputs.get(&StepId::SAVE_INSTALLER)) {
            Some(Output::Files { list }) => list
                .iter()
                .map(|file| (layout.installer().join(&file.path), file.sha256.clone()))
                .collect(),
            _ => Vec::new(),
        };
        let known = if occasion == Occasion::Check {
            changes::visible(settings)?
        } else {
            changes::all(settings)?
        };
        let open_changes = known
            .into_iter()
            .filter(|found| found.is_open() && Some(&found.id) != change.as_ref())
            .map(|found| OpenChange {
                datasets: found
                    .state
                    .map(|state| {
                        state.manifest.datasets.iter().map(|mount| mount.dataset.clone()).collect()
                    })
                    .unwrap_or_default(),
                id: found.id,
            })
            .collect();
        let sources = Sources {
            occasion,
            now: settings.now.timestamp(),
            node: self.node.clone().map(|now| preflight::sources::NodeSource {
                now,
                opened: state
                    .and_then(|state| state.manifest.cluster.as_ref())
                    .map(|part| part.data),
            }),
            engine: self.engine.as_ref(),
            run: &|command| self.runner.run(command),
            playbook: self.product(),
            site: self.place(),
            values,
            places,
            snapshot_name: snapshot,
            change,
            ours: state.map(|state| self.ours_now(state)).unwrap_or_default(),
            since: state
                .filter(|state| {
                    // An upgrade from an older snapshot: what was written since must come back.
                    (occasion.is_downgrade() || state.phase == Phase::Prepared)
                        && state.manifest.data_strategy.is_zfs()
                        && state.clients_could_write()
                })
                .map(|state| preflight::sources::Since {
                    mounts: state.manifest.datasets.clone(),
                    snapshot: state.manifest.snapshot.clone(),
                }),
            previous: state.map(|state| state.manifest.from_version.clone()),
            installers,
            open_changes,
            roots: preflight::sources::Roots::default(),
        };
        Ok(preflight::gather(sources))
    }

    /// The change's snapshots: those to go back to, and the others that still exist (an undo
    /// destroys them).
    fn ours_now(&self, state: &State) -> Vec<(zfs::Snapshot, zfs::Guid)> {
        let mut list = state.snapshots.clone();
        let kept = |name: &zfs::Snapshot| name.short() == state.manifest.snapshot;
        let others: Vec<zfs::Snapshot> =
            list.iter().filter(|(name, _)| !kept(name)).map(|(name, _)| name.clone()).collect();
        if let Ok(found) = self.engine.snapshot_infos(&others) {
            let found: BTreeSet<zfs::Snapshot> = found.into_iter().map(|info| info.name).collect();
            list.retain(|(name, _)| kept(name) || found.contains(name));
        }
        list
    }

    /// The values for the response file of the vendor's installer: the playbook's, with this site's
    /// variables, and those given on the command line.
    ///
    /// # Errors
    /// When a key is not known.
    pub fn silent(&self, given: &[String]) -> Result<Vec<(String, String)>, CliError> {
        let lookup = |name: &str| self.site.values().get(name).cloned();
        let fill = |text: &Template| Ok(text.fill(&lookup)?);
        response_file::values(self.product().response_file.as_ref(), fill, given)
    }

    /// How a version comes back here.
    pub fn data_strategy(&self) -> DataStrategy {
        DataStrategy::of(self.product(), self.place())
    }

    /// The site's datasets.
    pub fn roots(&self) -> Vec<Dataset> {
        self.place().datasets.clone()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn the_cluster_is_asked_in_the_playbooks_words_and_not_in_escaped_ones() {
        let folder = tempfile::tempdir().unwrap();
        let front = library::find("messaging-server-front", &[]).unwrap();
        let text = front.text().replace("messaging-server-front", "front")
            + r#"
[cluster]
here = { argv = ["sh", "-c", 'test "$1" = "$2$3" && test ${#4} -eq 2', "sh", "{{}}", "{{", "}}", "{role}"] }
disable = { argv = ["true"] }
disabled = { argv = ["true"] }
enable = { argv = ["true"] }
enabled = { argv = ["true"] }
write_mark = { argv = ["true"] }
read_mark = { argv = ["true"] }
mark = "(.*)"
"#;
        let site = "playbook = 'front'\nupgrade_to = '8'\n[cluster]\nnodes = ['a', 'b']\nnode = \
            'a'\nshared_installation = true\n[variables]\nrole = '{$'\ninstallers = '/i'\n";
        for (name, text) in [("front.toml", text.as_str()), ("site.toml", site)] {
            #[allow(clippy::disallowed_methods)]
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let settings = Settings {
            site: folder.path().join("site.toml"),
            playbooks: vec![folder.path().into()],
            state: folder.path().join("state"),
            change: None,
            host: "h".into(),
            run_dir: None,
            engine: Some(zfs::EngineName::Cli),
            now: DateTime::UNIX_EPOCH.into(),
        };
        let inputs = ProcedureInputs::open(&settings).unwrap();
        assert!(inputs.node.unwrap().data);
    }
}
