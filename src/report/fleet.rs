//! What many hosts said with `backout --json report`: one row each, the worst first. Pure.

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde::Serialize;

use super::host_file::{HostError, HostFile, HostReport, HostStatus};
use super::timeline::Timeline;
use super::words::spent;
use super::{Condition, Extent, Next, Standing, WayBack};
use crate::journal::{Procedure, Proof};

type Time = DateTime<FixedOffset>;

/// How a host is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// Only a person can say how it goes on.
    Halted,
    /// A step, or the last command, failed.
    Failed,
    /// A procedure was cut off.
    Interrupted,
    /// The way back is damaged, or would be refused.
    WayBackLost,
    /// The comparison found differences.
    Differs,
    /// Nothing is known of it.
    NoReport,
    /// A check refused, or an answer is missing. Nothing was changed.
    Refused,
    /// A run is at work.
    AtWork,
    /// Somebody must decide.
    Undecided,
    /// It is ready for its upgrade, or nothing was begun.
    Waiting,
    /// The change is closed.
    Closed,
}

impl Rank {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::WayBackLost => "way back in danger",
            Self::Differs => "with differences",
            Self::NoReport => "no report",
            Self::Refused => "refused",
            Self::AtWork => "at work",
            Self::Undecided => "awaiting a decision",
            Self::Waiting => "not upgraded",
            Self::Closed => "closed",
        }
    }
}

/// One host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetHost {
    /// As its file is called.
    pub name: String,
    /// How it is.
    pub rank: Rank,
    /// When it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Its change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<FleetChange>,
    /// Why it is not well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// What may be typed there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Next>,
}

/// The change of a host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetChange {
    /// Its id.
    pub id: String,
    /// As the host calls itself.
    pub host: String,
    /// The playbook.
    pub playbook: String,
    /// The version before.
    pub from: String,
    /// The version asked for.
    pub to: String,
    /// Where it stands, in a few words.
    pub state: String,
    /// When, and in which procedure, clients were shut out.
    pub shut_out: Vec<FleetWindow>,
    /// Since when they are, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shut_out_since: Option<Time>,
    /// The last comparison, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// What did not go straight on: when, in which procedure, and what.
    pub interruptions: Vec<(Time, Procedure, String)>,
}

/// A time in which clients were shut out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FleetWindow {
    /// In which procedure.
    pub procedure: Procedure,
    /// For how long.
    pub seconds: f64,
}

impl FleetHost {
    /// Where it stands, in a few words: `upgraded`, or that a check refused.
    pub fn stands(&self) -> &str {
        let own = [Rank::WayBackLost, Rank::Differs, Rank::Refused];
        match &self.change {
            Some(change) if !own.contains(&self.rank) => &change.state,
            _ => self.rank.words(),
        }
    }
}

impl FleetChange {
    /// How long clients were shut out: `upgrade 12 s, downgrade 40 s`.
    pub fn downtime(&self) -> String {
        let each: Vec<String> = self.shut_out.iter().map(FleetWindow::words).collect();
        let still = self.shut_out_since.map(|at| at.format("still, since %m-%d %H:%M:%S"));
        let parts = [each.join(", "), still.map(|it| it.to_string()).unwrap_or_default()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

impl FleetWindow {
    /// For people: `upgrade 12 s`.
    pub fn words(&self) -> String {
        // Times are of milliseconds.
        let time = TimeDelta::milliseconds((self.seconds * 1000.0).round() as i64);
        format!("{} {}", self.procedure.verb(), spent(time))
    }
}

/// All hosts, the worst first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fleet {
    /// Each.
    pub hosts: Vec<FleetHost>,
}

impl Fleet {
    /// Of what each host said, and of those who should have.
    pub fn of(files: Vec<(String, HostFile)>, expected: &[String]) -> Self {
        let silent = expected.iter().filter(|name| files.iter().all(|(known, _)| known != *name));
        let mut hosts: Vec<FleetHost> = silent.map(|name| FleetHost::silent(name)).collect();
        hosts.extend(files.into_iter().map(|(name, file)| FleetHost::of(name, file)));
        hosts.sort_by(|a, b| (a.rank, &a.name).cmp(&(b.rank, &b.name)));
        hosts.dedup();
        Self { hosts }
    }

    /// How many hosts there are of each rank, the worst first.
    #[must_use]
    pub fn counts(&self) -> Vec<(Rank, usize)> {
        let chunks = self.hosts.chunk_by(|a, b| a.rank == b.rank);
        chunks.filter_map(|chunk| Some((chunk.first()?.rank, chunk.len()))).collect()
    }
}

impl FleetHost {
    fn silent(name: &str) -> Self {
        let why = vec!["There is no file of this host.".to_owned()];
        let (at, change, next) = (None, None, Vec::new());
        Self { name: name.to_owned(), rank: Rank::NoReport, at, change, why, next }
    }

    fn of(name: String, file: HostFile) -> Self {
        let mut host = Self { why: Vec::new(), ..Self::silent(&name) };
        if file.no_change {
            host.rank = Rank::Waiting;
        }
        if let Some(said) = file.report {
            host.tell(said);
        }
        // What the change itself says is nearer to the cause.
        if let Some(error) = file.error {
            let before = host.rank;
            host.rank = before.min(error.rank());
            if host.rank != before || before == Rank::NoReport {
                host.why.push(error.what);
                // All of it is on the host; a row has room for the beginning of each.
                let first = error.cause.iter().filter_map(|cause| cause.lines().next());
                host.why.extend(first.map(str::to_owned));
                host.next.extend(error.next);
            }
        }
        host
    }

    fn tell(&mut self, said: HostReport) {
        self.at = Some(said.at);
        self.rank = said.status.as_ref().map_or(Rank::Failed, |status| rank(&said, status));
        let mut state = "unknown".to_owned();
        if let Some(status) = said.status {
            state = status.state;
            self.why.extend(status.why);
            if let Some(it) = status.way_back.filter(|it| it.condition != Condition::Open) {
                self.why.extend(it.why.into_iter().chain(it.to_do));
            }
            self.next = status.next;
        }
        if let Some(holder) = said.at_work {
            self.why = vec![format!("A run is at work: {holder}")];
            "a run is at work".clone_into(&mut state);
        }
        self.change = Some(FleetChange::of(&said.report, state));
    }
}

fn rank(said: &HostReport, status: &HostStatus) -> Rank {
    if said.at_work.is_some() {
        return Rank::AtWork;
    }
    let lost = |it: &WayBack| matches!(it.condition, Condition::Damaged | Condition::Refused);
    let usual = match status.standing {
        Standing::Halted => return Rank::Halted,
        Standing::Failed | Standing::Unreadable => return Rank::Failed,
        Standing::Interrupted => return Rank::Interrupted,
        Standing::Closed => return Rank::Closed,
        Standing::Opened | Standing::Prepared => Rank::Waiting,
        Standing::Upgraded | Standing::BackedOut | Standing::Coexisting => Rank::Undecided,
    };
    if status.way_back.as_ref().is_some_and(lost) {
        Rank::WayBackLost
    } else if last_proof(&said.report).is_some_and(|proof| !proof.holds()) {
        Rank::Differs
    } else {
        usual
    }
}

impl HostError {
    /// By the exit status, which is documented.
    fn rank(&self) -> Rank {
        match self.exit {
            3 | 4 => Rank::Refused,
            5 => Rank::AtWork,
            6 => Rank::Halted,
            _ => Rank::Failed,
        }
    }
}

/// The last comparison of both versions.
fn last_proof(story: &Timeline) -> Option<Proof> {
    story.full_proof.or_else(|| story.procedures.iter().rev().find_map(|run| run.proof))
}

/// The same in words.
fn proof_words(story: &Timeline) -> Option<String> {
    let counts = last_proof(story)?.counts();
    let delta = story.full_proof.is_none()
        && story.compared.iter().flat_map(|it| &it.lists).any(|list| list.of == Extent::Delta);
    let of = if delta { ", of what was written since the snapshot" } else { "" };
    Some(format!("{counts}{of}"))
}

impl FleetChange {
    fn of(story: &Timeline, state: String) -> Self {
        let window = |window: &super::Window| {
            let within = |at: Time| move |run: &&super::ProcedureEntry| run.began <= at;
            let run = story.procedures.iter().rev().find(within(window.from))?;
            let seconds = window.spent()?.as_seconds_f64();
            Some(FleetWindow { procedure: run.procedure, seconds })
        };
        let interruptions = story.procedures.iter().flat_map(|run| {
            let what = |text: &str| text.lines().next().unwrap_or_default().to_owned();
            let cut = run.events.iter().filter(|event| event.kind.interrupts());
            cut.map(move |event| (event.at, run.procedure, what(&event.what)))
        });
        Self {
            id: story.change.clone(),
            host: story.host.clone(),
            playbook: story.playbook.clone(),
            from: story.from.clone(),
            to: story.to.clone(),
            state,
            shut_out: story.shut_out.iter().filter_map(window).collect(),
            shut_out_since: story.shut_out_since(),
            proof: proof_words(story),
            interruptions: interruptions.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::read_host_file;

    #[test]
    fn a_refusal_of_a_host_without_a_change_is_its_row() {
        let none = "{\"result\":\"status\",\"changes\":[],\"at_work\":null}";
        let refused = "{\"result\":\"error\",\"exit\":3,\"kind\":\"refused\",\"what\":\"no room\",\
                       \"cause\":[\"REFUSE: [room]\"],\"now\":[],\"next\":[]}";
        let file = |text: &str| read_host_file(text).expect("read");
        let fleet = Fleet::of(
            vec![
                ("a".into(), file(none)),
                ("b".into(), file(&format!("{none}\n{refused}"))),
                ("c".into(), file(&format!("{refused}\n{none}"))),
            ],
            &["a".into(), "d".into()],
        );
        let ranks: Vec<_> = fleet.hosts.iter().map(|it| (it.name.as_str(), it.rank)).collect();
        let waiting = [("a", Rank::Waiting), ("c", Rank::Waiting)];
        assert_eq!(ranks[..2], [("d", Rank::NoReport), ("b", Rank::Refused)]);
        assert_eq!(ranks[2..], waiting, "an error before the last report is over");
        assert_eq!(fleet.hosts[1].why, ["no room", "REFUSE: [room]"]);
        assert_eq!(fleet.counts().last(), Some(&(Rank::Waiting, 2)));
    }
}
