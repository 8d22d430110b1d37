//! The append-only file of a change: the plan, then what started and what ended. The state of the
//! change is its fold.

pub mod copies;
pub mod file;
pub mod fold;
pub mod layout;
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
pub use permitted::NotPermitted;
pub use plan::{Action, Deadline, Plan, Procedure, Renews, Role, Step};
pub use record::{
    Beside, ChangeManifest, FORMAT, FileEntry, HaltKind, Line, MountedDataset, NodePart,
    OpenQuestion, Output, Proof, Record, Replacement, Side, WholeItem,
};
pub use run::{Run, StepState};
pub use step_id::{Family, StepId};
