//! The append-only file of a change: the plan, then what started and what ended. The state of the
//! change is its fold.

mod compared;
pub mod copies;
pub mod file;
pub mod fold;
pub mod layout;
mod manifest;
mod output;
mod path;
mod permitted;
pub mod plan;
pub mod record;
mod run;
mod standby;
mod step_id;

pub use file::{Journal, JournalError, Reading};
pub use fold::{FoldError, Phase, State};
pub use layout::Layout;
pub use manifest::{Beside, ChangeManifest, MountedDataset, NodePart, Side};
pub use output::{FileEntry, Output, Proof, WholeItem};
pub use permitted::NotPermitted;
pub use plan::{Action, Deadline, Plan, Procedure, Renews, Role, Step};
pub use record::{FORMAT, HaltKind, Line, OpenQuestion, Record, Replacement};
pub use run::{Run, StepState};
pub use step_id::{Family, StepId};
