//! The previous version beside the upgraded one.

use anyhow::{Context as _, Result};

use super::{Parts, within};
use crate::journal::{Deadline, Family, Side, StepId};
use crate::playbook::model::{Standby, Touched};
use crate::step::{
    Action, Allow, CatchUp, CloneOne, CloneRole, CloneSnapshot, Drain, EndUpgraded, Feed,
    FindTouched, Refuse, ResumeStandby, ServeFromRoot, Settle, SourcePosition, StandbyClones,
    StandbyServer, Step,
};
use crate::zfs::{Dataset, ENDING_STANDBY as STANDBY, Guid, Snapshot};

impl<'a> Parts<'a> {
    pub(in crate::strategy) fn standby(&self) -> Result<&'a Standby> {
        let standby = self.playbook.standby.as_ref();
        standby.context("the playbook does not say how the previous version runs as a standby")
    }

    /// The clones that the standby runs on, parents first, with the paths of the data.
    pub(in crate::strategy) fn standby_clones(
        &self,
        roots: &[Dataset],
        snapshots: &[(Snapshot, Guid)],
    ) -> Result<StandbyClones> {
        let clones = self.clones(roots, snapshots, STANDBY, CloneRole::Standby)?;
        Ok(StandbyClones {
            clones: clones.iter().flat_map(|(_, clones)| clones.all().cloned()).collect(),
            data: self.paths(&self.playbook.data.paths)?,
        })
    }

    /// Makes the clones.
    pub(in crate::strategy) fn make_standby(
        &self,
        roots: &[Dataset],
        snapshots: &[(Snapshot, Guid)],
    ) -> Result<Vec<Step>> {
        let clones = self.clones(roots, snapshots, STANDBY, CloneRole::Standby)?;
        let step = |(root, clones): (Dataset, CloneSnapshot)| {
            let CloneOne { snapshot, target, .. } = &clones.top;
            let title = format!("clone {snapshot} as {target}, for the standby");
            Step::new(StepId::of(Family::StandbyClone, &root), title, Action::Clone(clones))
        };
        Ok(clones.into_iter().map(step).collect())
    }

    fn standby_server(&self) -> Result<StandbyServer> {
        let standby = self.standby()?;
        Ok(StandbyServer {
            start: self.command(&standby.start)?,
            stop: self.command(&standby.stop)?,
            ready: self.optional(standby.ready.as_ref())?,
            ready_within: within(standby.ready_within),
        })
    }

    fn feed(&self) -> Result<Feed> {
        let feed = &self.standby()?.feed;
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
                "start the previous version on them, without clients",
                Action::StandbyStart(self.standby_server()?),
            ),
            Step::new(
                StepId::FEED_START,
                "feed it with what is written to the upgraded version",
                Action::FeedStart(self.feed()?),
            ),
        ];
        // A boot takes all of it.
        for step in &mut steps {
            *step = step.clone().until(&StepId::FEED_STOP);
        }
        if let Some(within) = wait {
            let standby = self.standby()?;
            let action = CatchUp {
                position: self.command(&standby.feed.position)?,
                source: self.command(&standby.feed.source)?,
                drain: self.command(&standby.switch.drain)?,
                lag: self.optional(standby.feed.lag.as_ref())?,
                watch: self.optional(standby.feed.watch.as_ref())?,
                within,
            };
            let title = "wait until the standby has caught up";
            steps.push(Step::new(StepId::CATCH_UP, title, Action::CatchUp(action)));
        }
        Ok(steps)
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
    /// `until` begins within so many seconds. With `delta`, the lists are of what the feed brought,
    /// where that is known.
    pub(in crate::strategy) fn compare_refused(
        &self,
        until: StepId,
        seconds: u64,
        delta: bool,
    ) -> Result<Vec<Step>> {
        let action = Refuse { command: self.command(&self.standby()?.switch.refuse)? };
        let title = "let the upgraded version refuse writes";
        let mut refuse = Step::new(StepId::REFUSE, title, Action::Refuse(action));
        refuse.deadline = Some(Deadline { until, seconds });
        let mut steps = vec![refuse];
        steps.extend(self.drain()?);
        steps.extend(self.fed_inventories(delta)?);
        steps.push(self.prove(false)?);
        Ok(steps)
    }

    pub(in crate::strategy) fn allow(&self) -> Result<Step> {
        let action = Allow { command: self.command(&self.standby()?.switch.allow)? };
        let title = "let the upgraded version accept writes again";
        Ok(Step::new(StepId::ALLOW, title, Action::Allow(action)))
    }

    /// Under the refusal: how far the upgraded version has come, and the standby there; what the
    /// feed does not bring.
    fn drain(&self) -> Result<Vec<Step>> {
        let standby = self.standby()?;
        let position = self.command(&standby.feed.position)?;
        let mut steps = vec![
            Step::new(
                StepId::SOURCE_POSITION,
                "ask the upgraded version how far it has come",
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
        let command = self.command(&self.standby()?.feed.position)?;
        let action = Action::SourcePosition(SourcePosition { command });
        Ok(Step::new(StepId::SOURCE_POSITION, "ask the standby how far it has come", action))
    }

    /// The lists of both servers, while both run. With `delta` of what the feed brought, where that
    /// is known.
    fn fed_inventories(&self, delta: bool) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let here = self.playbook.service.address.as_ref();
        let there = self.standby()?.address.as_ref();
        for inventory in &self.playbook.inventories {
            let touched = inventory.touched.as_ref().filter(|it| delta && it.fed.is_some());
            let Some(fed) = touched.and_then(|touched| touched.fed.as_ref()) else { continue };
            let action = FindTouched {
                name: inventory.name.clone(),
                // It has no files: what was fed is no capture.
                capture: StepId::SOURCE_POSITION,
                command: self.command_at(fed, here)?,
            };
            steps.push(Step::new(
                StepId::of(Family::Touched, &inventory.name),
                format!("find the {} that were fed", inventory.name),
                Action::FindTouched(action),
            ));
        }
        let delta = |touched: &Touched| delta && touched.fed.is_some();
        steps.extend(self.lists(Side::Upgraded, "upgraded version", here, delta)?);
        steps.extend(self.lists(Side::Previous, "standby", there, delta)?);
        Ok(steps)
    }

    /// Ends the upgraded server where the stop of its units would let writes through.
    pub(in crate::strategy) fn end_upgraded(&self) -> Result<Option<Step>> {
        let Some(end) = &self.standby()?.switch.end else { return Ok(None) };
        let units = self.units()?;
        let action = Action::EndUpgraded(EndUpgraded { command: self.command(end)?, units });
        Ok(Some(Step::new(StepId::END_UPGRADED, "end the upgraded server", action)))
    }

    /// What the logs of the upgraded server hold beyond its last position.
    pub(in crate::strategy) fn rest(&self) -> Result<Option<Step>> {
        let standby = self.standby()?;
        let Some(rest) = &standby.switch.rest else { return Ok(None) };
        let action =
            Drain { command: self.command(rest)?, position: self.command(&standby.feed.position)? };
        let title = "give the standby what the logs of the upgraded server hold beyond that";
        Ok(Some(Step::new(StepId::REST, title, Action::Drain(action))))
    }

    fn serve_from_root(&self) -> Result<ServeFromRoot> {
        let switch = &self.standby()?.switch;
        Ok(ServeFromRoot {
            start: self.command(&switch.serve)?,
            stop: self.command(&switch.serve_stop)?,
            ready: self.optional(self.playbook.service.ready.as_ref())?,
            ready_within: within(self.playbook.service.ready_within),
        })
    }

    /// The previous version serves its clients from its private root, until that is stopped.
    pub(in crate::strategy) fn serve(&self) -> Result<Step> {
        let action = Action::Serve(self.serve_from_root()?);
        let title = "open the previous version to its clients, from its private root";
        Ok(Step::new(StepId::SERVE, title, action).until(&StepId::SERVE_STOP))
    }

    pub(in crate::strategy) fn serve_stop(&self) -> Result<Step> {
        let action = Action::ServeStop(self.serve_from_root()?);
        let title = "stop the previous version in its private root";
        Ok(Step::new(StepId::SERVE_STOP, title, action))
    }
}
