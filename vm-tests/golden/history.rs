//! Journals of changes in every state, made of the library's own plans and records, so that they
//! are always ones it could have written.

use backout::journal::{
    ChangeManifest, FORMAT, FileEntry, MountedDataset, Output, Phase, Procedure, Proof, file,
};
use backout::playbook::{DataStrategy, Problems, Validated, ValidatedSite, library};
use backout::step::{Action, Line, Plan, Record, State};
use backout::strategy::{
    self, DowngradeInput, ServedClients, StandbyInput, StandbyPart, SwitchBack, SwitchInput,
};
use backout::zfs::{Dataset, Guid, Snapshot};
use chrono::{DateTime, FixedOffset, TimeDelta};

use super::world::{SITE, World};

/// The change of most sessions.
pub const ID: &str = "generic-20261123140000";

/// A change as it is written down, record by record.
#[derive(Clone)]
pub struct History {
    playbook: Box<Validated>,
    site: Box<ValidatedSite>,
    manifest: Box<ChangeManifest>,
    records: Vec<Record>,
}

impl History {
    /// Opened, and nothing done.
    pub fn opened() -> Self {
        let mut history = Self::of("generic", SITE, DataStrategy::Zfs);
        let datasets = [
            mount("tank/tally", 11, "/var/lib/tally"),
            mount("tank/tally/changes", 12, "/var/lib/tally/changes"),
        ];
        history.manifest.datasets.extend(datasets);
        history.reopened()
    }

    /// The same without ZFS: everything is backed up.
    pub fn opened_full() -> Self {
        let site = "playbook = \"generic\"\nrollback = \"none\"\nupgrade_to = \"3.0\"\n";
        Self::of("generic", site, DataStrategy::Full)
    }

    /// The same with a product that keeps no data.
    pub fn opened_packages() -> Self {
        let site = "playbook = \"messaging-server-front\"\nupgrade_to = \"3.0\"\n\
                    [variables]\ninstallers = \"/srv/installers\"\nrole = \"mta\"\n";
        Self::of("messaging-server-front", site, DataStrategy::Packages)
    }

    /// A change of two hosts.
    pub fn opened_coexistent() -> Self {
        let site = "playbook = \"generic\"\nstrategy = \"coexistent\"\nupgrade_to = \"3.0\"\n\
                    [hosts.old]\nname = \"old\"\n[hosts.new]\nname = \"new\"\nrun = [\"on-new\"]\n";
        Self::of("generic", site, DataStrategy::Coexistent)
    }

    fn of(playbook: &str, site: &str, data_strategy: DataStrategy) -> Self {
        let playbook = library::find(playbook, &[]).expect("built in");
        let (site, playbook) =
            ValidatedSite::parse("site.toml".as_ref(), site, |_| Ok::<_, Problems>(playbook))
                .unwrap_or_else(|error| panic!("{error}"));
        let mut values = site.values().clone();
        let asked = [("node_id", "7f"), ("from_version", "2.6.1")];
        values.extend(asked.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let manifest = ChangeManifest {
            format: FORMAT,
            change: ID.into(),
            tool: "0.1.0".into(),
            host: "fixture".into(),
            playbook: playbook.playbook().name.clone(),
            playbook_sha256: playbook.sha256().into(),
            programs: Vec::new(),
            site_sha256: site.sha256().into(),
            from_version: "2.6.1".into(),
            upgrade_to: "3.0".into(),
            snapshot: format!("backout-{ID}"),
            snapshot_time: "20261123:140000".into(),
            data_strategy,
            beside: None,
            cluster: None,
            standby_on_host: false,
            silent: Vec::new(),
            datasets: Vec::new(),
            values,
            left: Vec::new(),
            other_files: Vec::new(),
            store: None,
            stands_back: playbook.playbook().standby.as_ref().is_some_and(|it| it.back.is_some()),
            edition: 0,
        };
        let (playbook, site) = (Box::new(playbook), Box::new(site));
        Self { playbook, site, manifest: Box::new(manifest), records: Vec::new() }.reopened()
    }

    fn reopened(mut self) -> Self {
        self.records = vec![Record::Opened((*self.manifest).clone())];
        self
    }

    /// Under another name.
    pub fn named(mut self, id: &str) -> Self {
        self.manifest.change = id.into();
        self.records[0] = Record::Opened((*self.manifest).clone());
        self
    }

    /// The snapshot is taken, the service runs.
    pub fn prepared() -> Self {
        let history = Self::opened();
        let plan =
            strategy::snapshot_only(history.playbook.playbook(), &history.manifest).expect("plan");
        history.whole(&plan)
    }

    /// An upgrade begun.
    pub fn upgrading() -> (Self, Plan) {
        Self::opened().upgrade()
    }

    /// The new version runs.
    pub fn upgraded() -> Self {
        Self::opened().done_upgrade()
    }

    /// A downgrade begun on the upgraded state.
    pub fn downgrading(keep: bool) -> (Self, Plan) {
        Self::upgraded().downgrade(keep)
    }

    /// The previous version runs again.
    pub fn backed_out(keep: bool) -> Self {
        let (history, plan) = Self::downgrading(keep);
        history.whole(&plan)
    }

    /// The plan of an upgrade from here.
    pub fn upgrade(self) -> (Self, Plan) {
        let prepared = self.state().phase == Phase::Prepared;
        let plan =
            strategy::upgrade(self.playbook.playbook(), &self.manifest, prepared).expect("plan");
        (self, plan)
    }

    fn done_upgrade(self) -> Self {
        let (history, plan) = self.upgrade();
        history.whole(&plan)
    }

    /// The plan of a downgrade from here.
    pub fn downgrade(self, keep: bool) -> (Self, Plan) {
        let zfs = self.manifest.data_strategy.is_zfs();
        let snapshots = if zfs { self.snapshots(&self.manifest.snapshot, 100) } else { Vec::new() };
        let opened = if self.state().clients_could_write() {
            ServedClients::Yes
        } else {
            ServedClients::Never
        };
        let input = DowngradeInput {
            keep,
            delta: keep,
            served: opened,
            roots: self.roots(),
            snapshots,
            standby: self
                .state()
                .has_standby()
                .then(|| StandbyPart::of(keep.then(SwitchInput::usual))),
            ..DowngradeInput::default()
        };
        let plan =
            strategy::downgrade(self.playbook.playbook(), &self.manifest, &input).expect("plan");
        (self, plan)
    }

    /// The plan of the start of a standby from here.
    pub fn standby(self) -> (Self, Plan) {
        let plan = self.beside(|it| it.start(true));
        (self, plan)
    }

    /// The plan of a rehearsal of the switch.
    pub fn rehearse(self) -> (Self, Plan) {
        let stays = self.state().has_standby();
        let plan = self.beside(|it| it.rehearse(false, stays, 30));
        (self, plan)
    }

    /// The plan of its end.
    pub fn standby_stop(self) -> (Self, Plan) {
        let plan = self.beside(|it| it.stop());
        (self, plan)
    }

    fn beside(&self, plan: impl Fn(StandbyInput<'_>) -> anyhow::Result<Plan>) -> Plan {
        let (playbook, roots) = (self.playbook.playbook(), self.roots());
        plan(StandbyInput { playbook, state: &self.state(), roots: &roots }).expect("plan")
    }

    /// The new version runs, and a standby beside it.
    pub fn with_standby() -> Self {
        let (history, plan) = Self::upgraded().standby();
        history.whole(&plan)
    }

    /// The previous version runs again after a switch, and the upgraded one stands by.
    pub fn with_standby_back() -> Self {
        let (history, plan) = Self::with_standby().downgrade(true);
        let (history, plan) = history.whole(&plan).standby();
        history.whole(&plan)
    }

    /// The plan of an undo that is a switch.
    pub fn switch_back(self) -> (Self, Plan) {
        let state = self.state();
        let run = state.last_run(Procedure::is_downgrade).expect("a downgrade");
        let input = SwitchBack {
            switch: SwitchInput::usual(),
            answers: true,
            now: self.roots().into_iter().zip((900..).map(Guid)).collect(),
            consented: Vec::new(),
        };
        let (playbook, roots) = (self.playbook.playbook(), self.roots());
        let plan = strategy::switch_back(playbook, &state, run, exchanged(&roots), &input);
        (self, plan.expect("plan"))
    }

    /// The plan of an abort of what is under way.
    pub fn abort(self) -> (Self, Plan) {
        let state = self.state();
        let run = state.current().expect("something to abort");
        let (playbook, site) = (self.playbook.playbook(), self.site.site());
        let plan = match run.plan.procedure {
            Procedure::Migrate => {
                let it =
                    strategy::Move::of(playbook, site, self.site.values(), false).expect("hosts");
                strategy::let_go(it, &state)
            }
            procedure if procedure.is_downgrade() || procedure == Procedure::Undo => {
                strategy::back(playbook, &state, run, exchanged(&self.roots()), true)
            }
            Procedure::Rehearse => Ok(self.beside(|it| it.end_rehearsal(run))),
            Procedure::StandbyStart => {
                let plan = self.beside(|it| it.stop());
                Ok(Plan { procedure: Procedure::Abort, ..plan })
            }
            _ => strategy::reopen(playbook, &state),
        };
        (self, plan.expect("plan"))
    }

    /// The plan of an undo of the finished downgrade.
    pub fn undo(self) -> (Self, Plan) {
        let state = self.state();
        let run = state.last_run(Procedure::is_downgrade).expect("a downgrade");
        let plan =
            strategy::back(self.playbook.playbook(), &state, run, exchanged(&self.roots()), false);
        (self, plan.expect("plan"))
    }

    /// The plan of a commit from here.
    pub fn commit(self) -> (Self, Plan) {
        let state = self.state();
        let back = state.phase == Phase::BackedOut;
        let procedure = if back { Procedure::CommitDowngrade } else { Procedure::CommitUpgrade };
        let plan =
            strategy::commit(&state, procedure, Vec::new(), Vec::new(), Vec::new(), Vec::new());
        (self, plan)
    }

    /// The plan that moves these users, one at a time.
    pub fn migrate(self, users: &[&str]) -> (Self, Plan) {
        let (site, values) = (self.site.site(), self.site.values());
        let it = strategy::Move::of(self.playbook.playbook(), site, values, false).expect("hosts");
        let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
        let plan = strategy::migrate(it, &users, 1, self.state().runs.len() + 1);
        (self, plan)
    }

    fn roots(&self) -> Vec<Dataset> {
        self.site.site().datasets.clone()
    }

    /// Accepted.
    pub fn closed() -> Self {
        let (history, plan) = Self::upgraded().commit();
        history.whole(&plan)
    }

    /// The whole procedure.
    pub fn whole(self, plan: &Plan) -> Self {
        let steps = plan.steps.len();
        let mut history = self.up_to(plan, steps);
        history.records.push(Record::Finished);
        history
    }

    /// The procedure up to this step, which is not begun.
    pub fn before(self, plan: &Plan, step: &str) -> Self {
        let at = plan.position(&step.into()).unwrap_or_else(|| panic!("no step {step}"));
        self.up_to(plan, at)
    }

    /// The procedure up to this step, which is cut off.
    pub fn within(self, plan: &Plan, step: &str) -> Self {
        self.before(plan, step).and(Record::Started { step: step.into(), attempt: 1 })
    }

    /// One more record.
    pub fn and(mut self, record: Record) -> Self {
        self.records.push(record);
        self
    }

    /// The steps behind this one, to the end.
    pub fn behind(self, plan: &Plan, step: &str) -> Self {
        let at = plan.position(&step.into()).unwrap_or_else(|| panic!("no step {step}"));
        self.done(&plan.steps[at + 1..]).and(Record::Finished)
    }

    fn up_to(mut self, plan: &Plan, count: usize) -> Self {
        self.records.push(Record::Planned { plan: plan.clone() });
        self.done(&plan.steps[..count])
    }

    fn done(mut self, steps: &[backout::step::Step]) -> Self {
        for step in steps {
            self.records.push(Record::Started { step: step.id.clone(), attempt: 1 });
            let output = self.output(&step.action);
            self.records.push(Record::Done { step: step.id.clone(), adopted: false, output });
        }
        self
    }

    fn output(&self, action: &Action) -> Output {
        match action {
            Action::Snapshot(it) => Output::Snapshots {
                list: self.snapshots(&it.name, if it.hold { 100 } else { 200 }),
            },
            Action::SaveInstaller(it) => {
                Output::Files { list: installers().take(it.at_least.max(1)).collect() }
            }
            Action::FindTouched(_) => Output::Inventory { items: 37, sha256: "0".repeat(64) },
            Action::Inventory(_) => Output::Inventory { items: 1204, sha256: "0".repeat(64) },
            Action::Prove(_) => {
                Output::Proof(Proof { expected: 1204, found: 1204, missing: 0, unexpected: 0 })
            }
            Action::TargetPosition(_) | Action::SourcePosition(_) => {
                Output::Text { text: "4711".into() }
            }
            Action::ProveUsers(it) => {
                let proof = Proof { expected: 12, found: 12, missing: 0, unexpected: 0 };
                Output::Users { list: it.users.iter().map(|user| (user.clone(), proof)).collect() }
            }
            Action::Succeed(it) => {
                let names = it.datasets.iter().map(|(name, _)| name.clone());
                Output::Datasets { list: names.zip((900..).map(Guid)).collect() }
            }
            _ => Output::Nothing,
        }
    }

    fn snapshots(&self, name: &str, guid: u64) -> Vec<(Snapshot, Guid)> {
        let of = |mount: &MountedDataset| {
            (mount.dataset.at(name).expect("name"), Guid(guid + mount.guid.0))
        };
        self.manifest.datasets.iter().map(of).collect()
    }

    /// The lines, a minute apart.
    pub fn lines(&self) -> Vec<Line> {
        let begin =
            DateTime::<FixedOffset>::parse_from_rfc3339("2026-11-23T14:00:00+01:00").expect("time");
        let numbered = self.records.iter().zip(1_u64..);
        numbered
            .map(|(record, seq)| Line {
                seq,
                at: begin + TimeDelta::minutes(seq as i64),
                record: record.clone(),
            })
            .collect()
    }

    /// The states that it came through, one after each record.
    pub fn states(&self) -> Vec<State> {
        let mut state = State::opened((*self.manifest).clone());
        let mut states = vec![state.clone()];
        for record in &self.records[1..] {
            state.apply(record).expect("possible");
            states.push(state.clone());
        }
        states
    }

    /// What the library makes of them.
    pub fn state(&self) -> State {
        State::fold(&self.lines()).unwrap_or_else(|error| panic!("{error}")).expect("opened")
    }

    /// The journal's text.
    pub fn text(&self) -> String {
        self.lines().iter().map(|line| file::encode(line).expect("encoded")).collect()
    }

    /// Puts the change's folder into a world.
    pub fn put(&self, world: &World) {
        self.state();
        let folder = format!("state/changes/{}", self.manifest.change);
        world.write(&format!("{folder}/journal"), self.text());
        world.write(&format!("{folder}/playbook.toml"), self.playbook.text());
        world.write(&format!("{folder}/site.toml"), self.site.text());
        for file in installers() {
            let name = file.path.display();
            world.write(&format!("{folder}/installer/{name}"), INSTALLER);
        }
    }
}

/// The saved installer: its name, and what it holds.
pub const INSTALLER: &str = "tally_2.6.1_all.deb";

/// As many as any playbook of these sessions wants.
fn installers() -> impl Iterator<Item = FileEntry> {
    let (sha256, size) = backout::host::checksum::sha256_of(INSTALLER.as_bytes()).expect("read");
    let name = |at| if at == 0 { INSTALLER.to_owned() } else { format!("{at}-{INSTALLER}") };
    (0..4).map(move |at| FileEntry { path: name(at).into(), size, sha256: sha256.clone() })
}

fn dataset(name: &str) -> Dataset {
    name.parse().expect("name")
}

fn mount(name: &str, guid: u64, at: &str) -> MountedDataset {
    MountedDataset {
        dataset: dataset(name),
        guid: Guid(guid),
        mountpoint: Some(at.into()),
        canmount: None,
        mounted: true,
    }
}

/// Without datasets of other use.
fn exchanged(roots: &[Dataset]) -> backout::strategy::Exchanged<'_> {
    backout::strategy::Exchanged { roots, stays: &[] }
}
