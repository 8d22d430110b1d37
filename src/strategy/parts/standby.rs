//! One version beside the other: the previous one beside the upgraded one, and after a downgrade
//! the other way round.

use std::borrow::Cow;
use std::ops::Deref;

use anyhow::{Context as _, Result};

use super::{Parts, within};
use crate::journal::{Deadline, Family, Side, StepId};
use crate::playbook::model::standby::Reinstall;
use crate::playbook::model::{Standby, Touched};
use crate::step::{
    Action, Allow, CatchUp, CloneOne, CloneRole, CloneSnapshot, CompareAhead, Drain, EndUpgraded,
    Feed, FindTouched, ForgetStandby, Lists, Refuse, ResumeStandby, ServeFromRoot, Settle,
    SourcePosition, StandbyClones, StandbyServer, Step,
};
use crate::strategy::input::{ASIDE, Compares};
use crate::zfs::{Dataset, ENDING_STANDBY as STANDBY, Guid, Snapshot};

/// The version that stands by.
pub(in crate::strategy) struct StandsBy<'a> {
    parts: Parts<'a>,
    it: Cow<'a, Standby>,
    side: Side,
}

impl<'a> Deref for StandsBy<'a> {
    type Target = Parts<'a>;

    fn deref(&self) -> &Self::Target {
        &self.parts
    }
}

impl<'a> Parts<'a> {
    /// Of this side.
    ///
    /// # Errors
    /// When the playbook does not say how.
    pub(in crate::strategy) fn stands_by(self, side: Side) -> Result<StandsBy<'a>> {
        let it = self.playbook.standby.as_ref();
        let it = match side {
            Side::Previous => it.map(Cow::Borrowed),
            Side::Upgraded => it.and_then(Standby::other_way).map(Cow::Owned),
        };
        let it = it.with_context(|| {
            format!("the playbook does not say how the {} version runs as a standby", side.word())
        })?;
        Ok(StandsBy { parts: self, it, side })
    }
}

impl StandsBy<'_> {
    /// The version that stands by, in a word.
    fn beside(&self) -> &'static str {
        self.side.word()
    }

    /// The version that serves.
    fn serving(&self) -> &'static str {
        self.side.other().word()
    }

    /// When the packages of the version are installed again that stood by.
    pub(in crate::strategy) fn reinstall(&self) -> Reinstall {
        self.it.switch.reinstall
    }

    /// Whether it can take over from a server that is dead.
    pub(in crate::strategy) fn reads_logs(&self) -> bool {
        self.it.switch.rest.is_some()
    }

    /// For each of the site's datasets, its clones. `snapshots`: of the data that it goes on from,
    /// as they were called when they were taken.
    fn all_clones(
        &self,
        roots: &[Dataset],
        snapshots: &[(Snapshot, Guid)],
    ) -> Result<Vec<(Dataset, CloneSnapshot)>> {
        let mut all = self.clones(roots, snapshots, STANDBY, CloneRole::Standby)?;
        if self.side == Side::Upgraded {
            for (root, clones) in &mut all {
                let aside = root.with_suffix(ASIDE)?;
                for one in std::iter::once(&mut clones.top).chain(&mut clones.below) {
                    one.snapshot = one.like.moved(root, &aside)?.at(one.snapshot.short())?;
                }
            }
        }
        Ok(all)
    }

    /// The clones that the standby runs on, parents first, with the paths of the data.
    pub(in crate::strategy) fn standby_clones(
        &self,
        roots: &[Dataset],
        snapshots: &[(Snapshot, Guid)],
    ) -> Result<StandbyClones> {
        let clones = self.all_clones(roots, snapshots)?;
        Ok(StandbyClones {
            clones: clones.iter().flat_map(|(_, clones)| clones.all().cloned()).collect(),
            data: self.paths(&self.playbook.data.paths)?,
            durable: self.it.durable,
        })
    }

    /// Makes the clones.
    pub(in crate::strategy) fn make_standby(
        &self,
        roots: &[Dataset],
        snapshots: &[(Snapshot, Guid)],
    ) -> Result<Vec<Step>> {
        let clones = self.all_clones(roots, snapshots)?;
        let step = |(root, clones): (Dataset, CloneSnapshot)| {
            let CloneOne { snapshot, target, .. } = &clones.top;
            let title = format!("clone {snapshot} as {target}, for the standby");
            Step::new(StepId::of(Family::StandbyClone, &root), title, Action::Clone(clones))
        };
        Ok(clones.into_iter().map(step).collect())
    }

    fn standby_server(&self) -> Result<StandbyServer> {
        let standby = &self.it;
        Ok(StandbyServer {
            start: self.command(&standby.start)?,
            stop: self.command(&standby.stop)?,
            ready: self.optional(standby.ready.as_ref())?,
            ready_within: within(standby.ready_within),
        })
    }

    fn feed(&self) -> Result<Feed> {
        let feed = &self.it.feed;
        Ok(Feed { start: self.command(&feed.start)?, stop: self.command(&feed.stop)? })
    }

    /// Mounts the clones, starts the standby and its feed, and waits until it is caught up.
    /// `within`: for so many seconds at most.
    pub(in crate::strategy) fn run_standby(
        &self,
        clones: StandbyClones,
        wait: Option<Option<u64>>,
    ) -> Result<Vec<Step>> {
        let mut steps = vec![
            Step::new(
                StepId::STANDBY_MOUNT,
                "mount the clones where nobody looks",
                Action::MountStandby(clones),
            ),
            Step::new(
                StepId::STANDBY_START,
                format!("start the {} version on them, without clients", self.beside()),
                Action::StandbyStart(self.standby_server()?),
            ),
            Step::new(
                StepId::FEED_START,
                format!("feed it with what is written to the {} version", self.serving()),
                Action::FeedStart(self.feed()?),
            ),
        ];
        // A boot takes all of it.
        for step in &mut steps {
            *step = step.clone().until(&StepId::FEED_STOP);
        }
        if let Some(within) = wait {
            let title = "wait until the standby has caught up";
            steps.push(self.catch_up(StepId::CATCH_UP, title, within)?);
        }
        Ok(steps)
    }

    fn catch_up(&self, id: StepId, title: &str, within: Option<u64>) -> Result<Step> {
        let standby = &self.it;
        let action = CatchUp {
            position: self.command(&standby.feed.position)?,
            source: self.command(&standby.feed.source)?,
            drain: self.command(&standby.switch.drain)?,
            lag: self.optional(standby.feed.lag.as_ref())?,
            watch: self.optional(standby.feed.watch.as_ref())?,
            within,
        };
        Ok(Step::new(id, title, Action::CatchUp(action)))
    }

    pub(in crate::strategy) fn feed_stop(&self) -> Result<Step> {
        let title = "end the feed of the standby";
        Ok(Step::new(StepId::FEED_STOP, title, Action::FeedStop(self.feed()?)))
    }

    pub(in crate::strategy) fn standby_stop(&self) -> Result<Step> {
        let title = "stop the standby";
        let action = Action::StandbyStop(self.standby_server()?);
        Ok(Step::new(StepId::STANDBY_STOP, title, action))
    }

    /// What the upgrade made in the upgraded server for a standby goes.
    pub(in crate::strategy) fn forget(&self) -> Result<Option<Step>> {
        let Some(forget) = &self.it.forget else { return Ok(None) };
        let action = Action::ForgetStandby(ForgetStandby { command: self.command(forget)? });
        let title = format!("take back what the {} version keeps for a standby", self.serving());
        Ok(Some(Step::new(StepId::STANDBY_FORGET, title, action)))
    }

    /// Feed and standby are ended, and the clones destroyed.
    pub(in crate::strategy) fn end_standby(&self, clones: StandbyClones) -> Result<Vec<Step>> {
        Ok(vec![
            self.feed_stop()?,
            self.standby_stop()?,
            Step::new(
                StepId::STANDBY_DROP,
                "destroy the clones of the standby",
                Action::DropStandby(clones),
            ),
        ])
    }

    /// After a switch that was given up.
    pub(in crate::strategy) fn resume_standby(&self, clones: StandbyClones) -> Result<Step> {
        let action = ResumeStandby { clones, server: self.standby_server()?, feed: self.feed()? };
        let title = "let the standby go on";
        Ok(Step::new(StepId::STANDBY_RESUME, title, Action::ResumeStandby(action)))
    }

    /// Writes are refused, the standby gets all that was written, and both are compared. The step
    /// `until` begins within so many seconds.
    pub(in crate::strategy) fn compare_refused(
        &self,
        until: StepId,
        seconds: u64,
        compares: Compares,
    ) -> Result<Vec<Step>> {
        let mut steps = match compares {
            Compares::Since { within } => self.ahead(within)?,
            Compares::All | Compares::Fed => Vec::new(),
        };
        let action = Refuse { command: self.command(&self.it.switch.refuse)? };
        let title = format!("let the {} version refuse writes", self.serving());
        let mut refuse = Step::new(StepId::REFUSE, title, Action::Refuse(action));
        refuse.deadline = Some(Deadline { until, seconds });
        steps.push(refuse);
        steps.extend(self.drain()?);
        steps.extend(self.fed_inventories(compares)?);
        steps.push(self.prove(false)?);
        Ok(steps)
    }

    pub(in crate::strategy) fn allow(&self) -> Result<Step> {
        let action = Allow { command: self.command(&self.it.switch.allow)? };
        let title = format!("let the {} version accept writes again", self.serving());
        Ok(Step::new(StepId::ALLOW, title, Action::Allow(action)))
    }

    /// Under the refusal: how far the version that serves has come, and the standby there; what the
    /// feed does not bring.
    fn drain(&self) -> Result<Vec<Step>> {
        let standby = &self.it;
        let position = self.command(&standby.feed.position)?;
        let mut steps = vec![
            Step::new(
                StepId::SOURCE_POSITION,
                format!("ask the {} version how far it has come", self.serving()),
                Action::SourcePosition(SourcePosition {
                    command: self.command(&standby.feed.source)?,
                }),
            ),
            Step::new(
                StepId::DRAIN,
                "wait until the standby has all of it",
                Action::Drain(Drain { command: self.command(&standby.switch.drain)?, position }),
            ),
        ];
        if let Some(settle) = &standby.switch.settle {
            let action = Action::Settle(Settle { command: self.command(settle)? });
            let title = "bring what the feed does not bring, and make the standby ready to serve";
            steps.push(Step::new(StepId::SETTLE, title, action));
        }
        Ok(steps)
    }

    /// Instead of that: how far the standby has come, after which the logs go on.
    pub(in crate::strategy) fn standby_position(&self) -> Result<Step> {
        let command = self.command(&self.it.feed.position)?;
        let action = Action::SourcePosition(SourcePosition { command });
        Ok(Step::new(StepId::SOURCE_POSITION, "ask the standby how far it has come", action))
    }

    /// Both servers' lists are compared while clients write, where the playbook can tell what is
    /// written meanwhile.
    fn ahead(&self, within: u64) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let here = self.playbook.service.address.as_ref();
        let there = self.it.address.as_ref();
        for inventory in &self.playbook.inventories {
            let Some(touched) = &inventory.touched else { continue };
            let Some(ahead) = &touched.ahead else { continue };
            let lists = |address| {
                anyhow::Ok(Lists {
                    all: self.command_at(&inventory.command, address)?,
                    touched: self.command_at(&touched.command, address)?,
                })
            };
            let action = CompareAhead {
                name: inventory.name.clone(),
                mark: self.command_at(&ahead.mark, here)?,
                since: self.command_at(&ahead.since, here)?,
                here: lists(here)?,
                there: lists(there)?,
                ignore: inventory.ignore.clone(),
            };
            steps.push(Step::new(
                StepId::of(Family::Ahead, &inventory.name),
                format!("compare all {} of both servers, while clients write", inventory.name),
                Action::CompareAhead(action),
            ));
        }
        if !steps.is_empty() {
            // The lists took time from the feed.
            let title = "wait until the standby has caught up with what was written meanwhile";
            steps.push(self.catch_up(StepId::CATCH_UP_AGAIN, title, Some(within))?);
        }
        Ok(steps)
    }

    /// The lists of both servers, while both run.
    fn fed_inventories(&self, compares: Compares) -> Result<Vec<Step>> {
        let delta = compares != Compares::All;
        let mut steps = Vec::new();
        let here = self.playbook.service.address.as_ref();
        let there = self.it.address.as_ref();
        for inventory in &self.playbook.inventories {
            let touched = inventory.touched.as_ref().filter(|it| delta && it.fed.is_some());
            let Some(fed) = touched.and_then(|touched| touched.fed.as_ref()) else { continue };
            let ahead = touched.and_then(|it| it.ahead.as_ref());
            let since = ahead
                .filter(|_| matches!(compares, Compares::Since { .. }))
                .map(|ahead| &ahead.since);
            let written = if since.is_some() { "written since" } else { "fed" };
            let title = format!("find the {} that were {written}", inventory.name);
            let action = FindTouched {
                name: inventory.name.clone(),
                // It has no files: what was fed is no capture.
                capture: StepId::SOURCE_POSITION,
                command: self.command_at(fed, here)?,
                since: since.map(|since| self.command_at(since, here)).transpose()?,
            };
            steps.push(Step::new(
                StepId::of(Family::Touched, &inventory.name),
                title,
                Action::FindTouched(action),
            ));
        }
        let delta = |touched: &Touched| delta && touched.fed.is_some();
        let server = format!("{} version", self.serving());
        steps.extend(self.lists(Side::Upgraded, &server, here, delta)?);
        steps.extend(self.lists(Side::Previous, "standby", there, delta)?);
        Ok(steps)
    }

    /// Ends the server that serves where the stop of its units would let writes through.
    pub(in crate::strategy) fn end_serving(&self) -> Result<Option<Step>> {
        let Some(end) = &self.it.switch.end else { return Ok(None) };
        let units = self.units()?;
        let action = Action::EndUpgraded(EndUpgraded { command: self.command(end)?, units });
        let title = format!("end the {} server", self.serving());
        Ok(Some(Step::new(StepId::END_UPGRADED, title, action)))
    }

    /// What the logs of that server hold beyond its last position.
    pub(in crate::strategy) fn rest(&self) -> Result<Option<Step>> {
        let standby = &self.it;
        let Some(rest) = &standby.switch.rest else { return Ok(None) };
        let action =
            Drain { command: self.command(rest)?, position: self.command(&standby.feed.position)? };
        let serving = self.serving();
        let title =
            format!("give the standby what the logs of the {serving} server hold beyond that");
        Ok(Some(Step::new(StepId::REST, title, Action::Drain(action))))
    }

    fn serve_from_root(&self) -> Result<ServeFromRoot> {
        let switch = &self.it.switch;
        Ok(ServeFromRoot {
            start: self.command(&switch.serve)?,
            stop: self.command(&switch.serve_stop)?,
            ready: self.optional(self.playbook.service.ready.as_ref())?,
            ready_within: within(self.playbook.service.ready_within),
        })
    }

    /// The version that took over serves its clients from its private root, until that is stopped.
    pub(in crate::strategy) fn serve(&self) -> Result<Step> {
        let action = Action::Serve(self.serve_from_root()?);
        let title =
            format!("open the {} version to its clients, from its private root", self.beside());
        Ok(Step::new(StepId::SERVE, title, action).until(&StepId::SERVE_STOP))
    }

    pub(in crate::strategy) fn serve_stop(&self) -> Result<Step> {
        let action = Action::ServeStop(self.serve_from_root()?);
        let title = format!("stop the {} version in its private root", self.beside());
        Ok(Step::new(StepId::SERVE_STOP, title, action))
    }
}
