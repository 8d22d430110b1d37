//! The append-only file of a change: the plan, then what started and what ended. The state is its fold.

pub mod file;
pub mod fold;
mod path;
pub mod record;

pub use file::{Journal, JournalError, Reading};
pub use fold::{FoldError, Phase, Run, State, StepState};
pub use record::{Beside, FORMAT, FileEntry, Line, NodePart, Opening, Output, Proof, Question, REJECTED, Record};
