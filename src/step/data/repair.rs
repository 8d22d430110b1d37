//! What still differs at the proof is carried whole from the upgraded data, which is kept beside: a
//! server of the upgraded version writes it out on clones of it. Nothing of this is done before a
//! person has asked for it; then it is repeated from its beginning until it is done.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::journal::{Output, StepId};
use crate::playbook::CommandTemplate;
use crate::step::data::prove::differing;
use crate::step::data::whole::{is_a_failure, items};
use crate::step::files::copy;
use crate::step::service::maintenance::{self, Maintenance};
use crate::step::service::waiting::wait_ready;
use crate::step::zfs::copies;
use crate::step::{Context, Effect, Repeated, Step};
use crate::zfs::Dataset;

/// See [`crate::step::Action::NoticeDiffering`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticeDiffering {}

/// See [`crate::step::Action::WriteFromClone`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriteFromClone {
    /// The datasets of the site, and where the upgraded ones are.
    pub places: Vec<(Dataset, Dataset)>,
    /// Starts the upgraded version on the clones.
    pub start: CommandTemplate,
    /// Writes one item into its folder.
    pub command: CommandTemplate,
    /// The previous version without clients, which makes room meanwhile.
    pub previous: Maintenance,
}

/// See [`crate::step::Action::DropClones`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DropClones {
    /// The datasets of the site.
    pub roots: Vec<Dataset>,
    /// Stops the server on the clones.
    pub stop: CommandTemplate,
}

impl Repeated for NoticeDiffering {
    fn preview(&self) -> Vec<String> {
        Vec::new()
    }

    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        copy::fresh_dir(&context.whole_dir(&step.id))?;
        let list = if context.run()?.repair { differing(context)? } else { Vec::new() };
        Ok(Output::Whole { list })
    }
}

impl WriteFromClone {
    fn write(&self, context: &Context<'_>) -> Result<()> {
        copy::fresh_dir(&context.whole_dir(&StepId::REPAIR_NOTICE))?;
        let copies = copies::copies(
            context.state,
            context.engine,
            &self.places,
            &StepId::SNAPSHOT_UPGRADED,
        )?;
        (context.say)("starting the upgraded version on clones of its data");
        let root = copies::make(context, &copies, &self.previous.paths)?;
        let root = [("proof_root", root.display().to_string())];
        let start = context.fill(&self.start, &root)?;
        let started = context.runner.run(&start).map_err(anyhow::Error::from);
        let ready =
            || wait_ready(context, self.previous.ready.as_ref(), self.previous.ready_within);
        if let Err(error) = started.and_then(|_| ready()) {
            if context.runner.interrupt.requested() {
                return Err(error);
            }
            // As with an item: the next proof finds that nothing was repaired.
            (context.say)(&format!(
                "the upgraded version could not be started on the clones: {error:#}"
            ));
            return Ok(());
        }
        for (item, folder) in items(context, &StepId::REPAIR_NOTICE)? {
            (context.say)(&format!("writing out {item}"));
            copy::fresh_dir(&folder)?;
            let more = [("item", item.name.clone()), ("item_dir", folder.display().to_string())];
            match context.runner.run(&context.fill(&self.command, &more)?) {
                Err(error) if is_a_failure(&error) => {
                    (context.say)(&format!("{} could not be written out: {error}", item.name));
                    copy::fresh_dir(&folder)?;
                    std::fs::remove_dir(&folder)
                        .with_context(|| format!("cannot remove {}", folder.display()))?;
                }
                ended => drop(ended?),
            }
            crate::host::failpoint::point("repair:written");
        }
        Ok(())
    }

    /// Only the previous version runs, and no clone is there.
    fn settle(&self, step: &Step, context: &Context<'_>) -> Result<()> {
        maintenance::Stop(&self.previous).apply(step, context)?;
        let roots: Vec<Dataset> = self.places.iter().map(|(root, _)| root.clone()).collect();
        copies::clear(context, &roots, &self.previous.stop)
    }
}

impl Repeated for WriteFromClone {
    fn preview(&self) -> Vec<String> {
        vec![self.start.to_string(), format!("for each item: {}", self.command)]
    }

    fn apply(&self, step: &Step, context: &Context<'_>) -> Result<Output> {
        if items(context, &StepId::REPAIR_NOTICE)?.is_empty() {
            return Ok(Output::Files { list: Vec::new() });
        }
        // The other server has the same unit.
        self.settle(step, context)?;
        let written = self.write(context);
        self.settle(step, context)?;
        written?;
        maintenance::Start(&self.previous)
            .apply(step, context)
            .context("the previous version could not be started again")?;
        Ok(Output::Files { list: copy::seal(&context.whole_dir(&StepId::REPAIR_NOTICE))? })
    }
}

impl Repeated for DropClones {
    fn preview(&self) -> Vec<String> {
        vec![self.stop.to_string()]
    }

    fn apply(&self, _step: &Step, context: &Context<'_>) -> Result<Output> {
        copies::clear(context, &self.roots, &self.stop)?;
        Ok(Output::Nothing)
    }
}
