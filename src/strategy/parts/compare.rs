//! The lists of both versions, their comparison, and the repair of what differs.

use anyhow::Result;

use super::Parts;
use crate::journal::{Family, Side, StepId};
use crate::playbook::Template;
use crate::playbook::model::Touched;
use crate::step::{
    Action, DropClones, FindTouched, LoadWhole, NoticeDiffering, Prove, RepairFrom, Step,
    TakeInventory, WriteFromClone,
};
use crate::zfs::Dataset;

impl Parts<'_> {
    /// Whether a list can be of what the capture touched.
    pub(in crate::strategy) fn tells_touched(&self) -> bool {
        let aside = self.playbook.aside.as_ref();
        // Without a server on a copy, what is not compared now could not be compared later.
        aside.is_some_and(|aside| aside.serve.is_some())
            && self.playbook.inventories.iter().any(|inventory| inventory.touched.is_some())
    }

    /// Where the server without clients is asked.
    fn maintenance_address(&self) -> Option<&Template> {
        self.playbook.service.maintenance.as_ref().and_then(|it| it.address.as_ref())
    }

    /// Finds what the capture of this step touched.
    pub(in crate::strategy) fn touched(&self, capture: &StepId) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for inventory in &self.playbook.inventories {
            let Some(touched) = &inventory.touched else { continue };
            let action = FindTouched {
                name: inventory.name.clone(),
                capture: capture.clone(),
                command: self.command_at(&touched.find, self.maintenance_address())?,
                since: None,
            };
            steps.push(Step::new(
                StepId::of(Family::Touched, &inventory.name),
                format!("find the {} that the capture touched", inventory.name),
                Action::FindTouched(action),
            ));
        }
        Ok(steps)
    }

    /// The lists of the server without clients; of what the capture touched with `delta`, where that
    /// is known.
    pub(in crate::strategy) fn inventories(&self, side: Side, delta: bool) -> Result<Vec<Step>> {
        let version = format!("{} version", side.word());
        self.lists(side, &version, self.maintenance_address(), |_| delta)
    }

    /// The lists of the server at this address. Those that are `delta` are of what was touched.
    pub(super) fn lists(
        &self,
        side: Side,
        server: &str,
        address: Option<&Template>,
        delta: impl Fn(&Touched) -> bool,
    ) -> Result<Vec<Step>> {
        let family = match side {
            Side::Upgraded => Family::Inventory,
            Side::Previous => Family::InventoryFound,
        };
        let mut steps = Vec::new();
        for inventory in &self.playbook.inventories {
            let touched = inventory.touched.as_ref().filter(|touched| delta(touched));
            let touched = touched.map(|it| self.command_at(&it.command, address)).transpose()?;
            let action = TakeInventory {
                name: inventory.name.clone(),
                side,
                command: self.command_at(&inventory.command, address)?,
                ignore: inventory.ignore.clone(),
                ends: inventory.ends.clone(),
                touched,
            };
            steps.push(Step::new(
                StepId::of(family, &inventory.name),
                format!("list the {} on the {server}", inventory.name),
                Action::Inventory(action),
            ));
        }
        Ok(steps)
    }

    /// Compares what the upgraded version held with what the previous one holds. `repairs`: the
    /// plan can repair what differs.
    pub(in crate::strategy) fn prove(&self, repairs: bool) -> Result<Step> {
        let inventories = self.playbook.inventories.iter();
        let inventories = inventories.map(|inventory| inventory.name.clone()).collect();
        let title = "compare the lists: nothing lost, nothing twice";
        let repair = self.repair_from(repairs)?;
        let limits = self.playbook.limits.iter().map(|limit| limit.about.clone()).collect();
        Ok(Step::new(StepId::PROVE, title, Action::Prove(Prove { inventories, repair, limits })))
    }

    /// What a repair is made from. `kept`: the plan has its steps.
    fn repair_from(&self, kept: bool) -> Result<Option<RepairFrom>> {
        let differing = self.playbook.whole.as_ref().and_then(|whole| whole.differing.as_ref());
        let Some(differing) = differing else { return Ok(None) };
        Ok(Some(if kept {
            RepairFrom::Kept { differing: Box::new(self.command(differing)?) }
        } else {
            RepairFrom::Nothing
        }))
    }

    /// Carries whole from the upgraded data what differs at the proof, if a person asks for it.
    /// `places`: the datasets of the site, and where the upgraded ones are. Nothing if the playbook
    /// does not say how.
    pub(in crate::strategy) fn repair(&self, places: Vec<(Dataset, Dataset)>) -> Result<Vec<Step>> {
        let serve = self.playbook.aside.as_ref().and_then(|aside| aside.serve.as_ref());
        let whole = self.playbook.whole.as_ref().filter(|whole| whole.differing.is_some());
        let (Some(whole), Some(serve)) = (whole, serve) else { return Ok(Vec::new()) };
        let write = WriteFromClone {
            places,
            start: self.command(&serve.upgraded)?,
            command: self.command(&whole.write)?,
            previous: self.maintenance()?,
        };
        let load = LoadWhole {
            items: StepId::REPAIR_NOTICE,
            written: StepId::REPAIR_WRITE,
            command: self.command(&whole.load)?,
            passes_over: true,
        };
        Ok(vec![
            Step::new(
                StepId::REPAIR_NOTICE,
                "see what is to be repaired: nothing, unless a proof found differences",
                Action::NoticeDiffering(NoticeDiffering {}),
            ),
            Step::new(
                StepId::REPAIR_WRITE,
                "write that out whole, from clones of the upgraded data",
                Action::WriteFromClone(write),
            ),
            Step::new(
                StepId::REPAIR_LOAD,
                "bring it into the previous version",
                Action::LoadWhole(load),
            ),
        ])
    }

    /// In an abort: no server on clones is left, and no clone.
    pub(in crate::strategy) fn drop_clones(&self, roots: &[Dataset]) -> Result<Step> {
        let maintenance = self.maintenance()?;
        let action = DropClones { roots: roots.to_vec(), stop: maintenance.stop };
        let title = "drop the clones that a repair was made from";
        Ok(Step::new(StepId::DROP_CLONES, title, Action::DropClones(action)))
    }
}
