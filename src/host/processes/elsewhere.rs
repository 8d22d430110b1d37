//! Processes of a platform that nobody has asked yet. Nothing is guessed: each question is answered
//! with an error, and what depends on it is refused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{InUse, Process};

fn unknown<T>(what: &str) -> Result<T, String> {
    let system = std::env::consts::OS;
    Err(format!("on {system}, this version of backout cannot tell {what}"))
}

/// See Linux: the processes with one of these names.
///
/// # Errors
/// Always.
pub fn named(_proc: &Path, _names: &[String]) -> Result<Vec<Process>, String> {
    unknown("which processes run")
}

/// See Linux: nothing is known of a process.
pub fn runs_program_of_host(_proc: &Path, _process: &Process) -> bool {
    false
}

/// See Linux: nothing is known of a process.
pub fn owner(_proc: &Path, _pid: i32) -> Option<u32> {
    None
}

/// See Linux: the processes that were started for a change.
///
/// # Errors
/// Always.
pub fn marked(_proc: &Path, _change: &str) -> Result<Vec<Process>, String> {
    unknown("which processes were started for a change")
}

/// See Linux: who uses files below some paths.
///
/// # Errors
/// Always.
pub fn users_of(_proc: &Path, _paths: &[PathBuf]) -> Result<InUse, String> {
    unknown("which processes use a file system")
}

/// See Linux: where datasets stay mounted although they are unmounted here.
///
/// # Errors
/// Always.
pub fn mounted_elsewhere(_proc: &Path, _datasets: &BTreeSet<&str>) -> Result<Vec<Process>, String> {
    unknown("where else a dataset is mounted")
}
