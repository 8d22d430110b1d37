//! Journals of changes in every state, made of the library's own plans and records, so that they are always ones it could have written.

use backout::journal::{FORMAT, Opening, Output, Proof, file};
use backout::journal::{Mount, Procedure};
use backout::playbook::{Problems, Validated, ValidatedSite, library};
use backout::step::{Action, Plan};
use backout::step::{Line, Record, State};
use backout::strategy::{self, DowngradeInput, Opened};
use backout::zfs::{Dataset, Guid, Snapshot};
use chrono::{DateTime, FixedOffset, TimeDelta};

use super::world::{SITE, World};

/// The change of most sessions.
pub const ID: &str = "generic-20261123140000";

/// A change as it is written down, record by record.
#[derive(Clone)]
pub struct History {
    playbook: Validated,
    site: ValidatedSite,
    opening: Opening,
    records: Vec<Record>,
}

impl History {
    /// Opened, and nothing done.
    pub fn opened() -> Self {
        let playbook = library::find("generic", &[]).expect("built in");
        let (site, playbook) =
            ValidatedSite::parse("site.toml".as_ref(), SITE, |_| Ok::<_, Problems>(playbook)).unwrap_or_else(|error| panic!("{error}"));
        let mut values = site.values().clone();
        values.extend([("node_id".to_owned(), "7f".to_owned()), ("from_version".to_owned(), "2.6.1".to_owned())]);
        let opening = Opening {
            format: FORMAT,
            change: ID.into(),
            tool: "0.1.0".into(),
            host: "fixture".into(),
            playbook: "generic".into(),
            playbook_sha256: playbook.sha256().into(),
            programs: Vec::new(),
            site_sha256: site.sha256().into(),
            from_version: "2.6.1".into(),
            upgrade_to: "3.0".into(),
            snapshot: format!("backout-{ID}"),
            snapshot_time: "20261123:140000".into(),
            way: backout::playbook::Way::Zfs,
            beside: None,
            cluster: None,
            silent: Vec::new(),
            datasets: vec![mount("tank/tally", 11, "/var/lib/tally"), mount("tank/tally/changes", 12, "/var/lib/tally/changes")],
            values,
            store: None,
        };
        let records = vec![Record::Opened(opening.clone())];
        Self { playbook, site, opening, records }
    }

    /// Under another name.
    pub fn named(mut self, id: &str) -> Self {
        self.opening.change = id.into();
        self.records[0] = Record::Opened(self.opening.clone());
        self
    }

    /// The snapshot is taken, the service runs.
    pub fn prepared() -> Self {
        let history = Self::opened();
        let plan = strategy::snapshot_only(history.playbook.playbook(), &history.opening).expect("plan");
        history.whole(plan)
    }

    /// An upgrade begun.
    pub fn upgrading() -> (Self, Plan) {
        let history = Self::opened();
        let plan = strategy::upgrade(history.playbook.playbook(), &history.opening, false).expect("plan");
        (history, plan)
    }

    /// The new version runs.
    pub fn upgraded() -> Self {
        let (history, plan) = Self::upgrading();
        history.whole(plan)
    }

    /// A downgrade begun on the upgraded state.
    pub fn downgrading(keep: bool) -> (Self, Plan) {
        let history = Self::upgraded();
        let input = DowngradeInput {
            keep,
            opened: Opened::Yes,
            roots: vec![dataset("tank/tally")],
            snapshots: history.snapshots(&history.opening.snapshot, 100),
            consented: Vec::new(),
            consented_bookmarks: Vec::new(),
        };
        let plan = strategy::downgrade(history.playbook.playbook(), &history.opening, &input).expect("plan");
        (history, plan)
    }

    /// The previous version runs again.
    pub fn backed_out(keep: bool) -> Self {
        let (history, plan) = Self::downgrading(keep);
        history.whole(plan)
    }

    /// Accepted.
    pub fn closed() -> Self {
        let history = Self::upgraded();
        let plan = strategy::commit(&history.state(), Procedure::CommitUpgrade, Vec::new(), Vec::new(), Vec::new(), None);
        history.whole(plan)
    }

    /// The whole procedure.
    pub fn whole(self, plan: Plan) -> Self {
        let steps = plan.steps.len();
        let mut history = self.up_to(&plan, steps);
        history.records.push(Record::Finished);
        history
    }

    /// The procedure up to this step, which is not begun.
    pub fn before(self, plan: &Plan, step: &str) -> Self {
        let at = plan.position(step).unwrap_or_else(|| panic!("no step {step}"));
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
        let at = plan.position(step).unwrap_or_else(|| panic!("no step {step}"));
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
            Action::Snapshot(it) => Output::Snapshots { list: self.snapshots(&it.name, if it.hold { 100 } else { 200 }) },
            Action::Inventory(_) => Output::Inventory { items: 1204, sha256: "0".repeat(64) },
            Action::Prove(_) => Output::Proof(Proof { expected: 1204, found: 1204, missing: 0, unexpected: 0 }),
            Action::Goal(_) => Output::Text { text: "4711".into() },
            _ => Output::Nothing,
        }
    }

    fn snapshots(&self, name: &str, guid: u64) -> Vec<(Snapshot, Guid)> {
        let of = |mount: &Mount| (mount.dataset.at(name).expect("name"), Guid(guid + mount.guid.0));
        self.opening.datasets.iter().map(of).collect()
    }

    /// The lines, a minute apart.
    pub fn lines(&self) -> Vec<Line> {
        let begin = DateTime::<FixedOffset>::parse_from_rfc3339("2026-11-23T14:00:00+01:00").expect("time");
        let numbered = self.records.iter().zip(1_u64..);
        numbered.map(|(record, seq)| Line { seq, at: begin + TimeDelta::minutes(seq as i64), record: record.clone() }).collect()
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
        let folder = format!("state/changes/{}", self.opening.change);
        world.write(&format!("{folder}/journal"), self.text());
        world.write(&format!("{folder}/playbook.toml"), self.playbook.text());
        world.write(&format!("{folder}/site.toml"), self.site.text());
    }
}

fn dataset(name: &str) -> Dataset {
    name.parse().expect("name")
}

fn mount(name: &str, guid: u64, at: &str) -> Mount {
    Mount { dataset: dataset(name), guid: Guid(guid), mountpoint: Some(at.into()), canmount: None, mounted: true }
}
