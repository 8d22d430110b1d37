//! What the steps of a plan do, as data. The effects are in `step/`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use super::aside::{Folders, MoveBack, RemoveAside, Switch};
use super::cluster::{AwaitNodes, Cluster, Mark};
pub use super::datasets::{
    BEFORE_UPGRADE, CloneSnapshot, Destroy, DropSnapshots, Mount, Mounts, Promote, PutBack, Rollback, SetAside, TakePlace, TakeSnapshot,
};
use super::reserve::Reserve;
use super::users::{AssignUsers, CaptureUsers, DropBackup, HoldUsers, ProveUsers, RestoreUsers};
use crate::host::exec::Command;

/// What a step does. Each has a file of the same name under `step/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Puts the installer of the installed version aside.
    SaveInstaller(SaveInstaller),
    /// Copies the configuration into the change's folder.
    SaveConfig(Config),
    /// Puts a saved configuration back.
    PutConfig(Config),
    /// Closes the service to its clients and proves it stopped.
    Stop(Service),
    /// Opens the service to its clients.
    Start(Service),
    /// Starts the server without its clients.
    MaintenanceStart(Maintenance),
    /// Stops it again.
    MaintenanceStop(Maintenance),
    /// Takes and holds the snapshot of all datasets at once.
    Snapshot(TakeSnapshot),
    /// Holds room back on the pools.
    Reserve(Reserve),
    /// Gives it back.
    ReleaseReserve(Reserve),
    /// Installs or removes a version.
    Package(Package),
    /// Makes the other installation the active one.
    Switch(Switch),
    /// Asks the new version how far its data has come.
    Goal(Goal),
    /// Lists what the product holds.
    Inventory(TakeInventory),
    /// One pass of the incremental backup.
    Capture(CapturePass),
    /// Proves capture and installer complete and readable.
    Verify(Verify),
    /// Takes the datasets away from everybody: `canmount=noauto`, unmounted.
    Unmount(Mounts),
    /// Gives them back: `canmount` as it was, mounted, parents first.
    Mount(Mounts),
    /// Clones the snapshot beside a dataset.
    Clone(CloneSnapshot),
    /// Renames the upgraded dataset out of the way.
    SetAside(SetAside),
    /// Renames the clone into its place.
    TakePlace(TakePlace),
    /// `zfs rollback` of all datasets.
    Rollback(Rollback),
    /// Renames the folders of the upgraded data out of the way.
    MoveAside(Folders),
    /// Makes empty ones in their place.
    MakeEmpty(Folders),
    /// Puts the folders of the upgraded data back into their place.
    MoveBack(MoveBack),
    /// Removes the folders that were kept for the other way.
    RemoveAside(RemoveAside),
    /// Brings the capture into the previous version.
    Restore(Restore),
    /// Compares the inventories.
    Prove(Prove),
    /// Puts the upgraded dataset back into its place.
    PutBack(PutBack),
    /// Makes the clone independent.
    Promote(Promote),
    /// Destroys datasets of ours.
    Destroy(Destroy),
    /// Releases and destroys snapshots of ours.
    DropSnapshots(DropSnapshots),
    /// Tells the cluster to leave the service alone.
    LeaveAlone(Cluster),
    /// Gives the service back to the cluster.
    HandBack(Cluster),
    /// Writes down for the other nodes which version this one has.
    Mark(Mark),
    /// Sees that every other node has the version.
    AwaitNodes(AwaitNodes),
    /// Lets the cluster start the service again; it runs on another node.
    Release(Service),
    /// Puts users on hold: their mail waits.
    HoldUsers(HoldUsers),
    /// Lists and backs up what users have.
    CaptureUsers(CaptureUsers),
    /// Brings it to the other host.
    RestoreUsers(RestoreUsers),
    /// Compares what each has on both hosts.
    ProveUsers(ProveUsers),
    /// Says which host serves users from now on.
    AssignUsers(AssignUsers),
    /// Removes a backup of users.
    DropBackup(DropBackup),
}

/// See [`Action::SaveInstaller`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaveInstaller {
    /// Puts the files into the installer folder.
    pub save: Option<Command>,
    /// Glob patterns of files at hand, to be copied there.
    pub files: Vec<String>,
    /// So many files must be there afterwards.
    pub at_least: usize,
}

/// Which of the two saved configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Of the version before the upgrade.
    Previous,
    /// Of the upgraded version.
    Upgraded,
}

/// See [`Action::SaveConfig`], [`Action::PutConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Whose configuration.
    pub side: Side,
}

/// See [`Action::Stop`], [`Action::Start`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// systemd units.
    pub units: Vec<String>,
    /// Seconds that one may take to stop.
    #[serde(default = "stop_within", skip_serializing_if = "is_usual")]
    pub stop_within: u64,
    /// Stop command for products without units.
    pub stop: Option<Command>,
    /// Start command for products without units.
    pub start: Option<Command>,
    /// Process names that must be gone after a stop.
    pub processes: Vec<String>,
    /// Those of them that run without clients, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_maintenance: Vec<String>,
    /// Paths that no process may use after a stop.
    pub paths: Vec<PathBuf>,
    /// Answers when the service serves its clients.
    pub ready: Option<Command>,
    /// Seconds that may take.
    pub ready_within: u64,
}

/// Where nothing is said.
pub(super) fn stop_within() -> u64 {
    900
}

fn is_usual(seconds: &u64) -> bool {
    *seconds == stop_within()
}

/// See [`Action::MaintenanceStart`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Maintenance {
    /// Starts the server without clients.
    pub start: Command,
    /// Stops it.
    pub stop: Command,
    /// Answers when it is there.
    pub ready: Option<Command>,
    /// Seconds that may take.
    pub ready_within: u64,
    /// Process names that must be gone after a stop.
    pub processes: Vec<String>,
    /// Those of them that run without clients; empty when the playbook does not tell them apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
    /// Paths that no process may use after a stop.
    pub paths: Vec<PathBuf>,
}

/// What a package step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageJob {
    /// To the new version.
    Upgrade,
    /// Away with the new version.
    Uninstall,
    /// Back to the previous version.
    Reinstall,
}

/// See [`Action::Package`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// What for.
    pub job: PackageJob,
    /// The command that does it.
    pub command: Command,
    /// Run first when an earlier try was interrupted.
    pub repair: Option<Command>,
    /// Prints the installed version.
    pub version: Command,
    /// One group: the version.
    pub pattern: String,
    /// The version of before the upgrade.
    pub previous: String,
    /// The version after the upgrade, whole or its first parts.
    pub upgraded: String,
    /// A command of an earlier procedure on the same packages was cut off: this one runs whatever the version says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// See [`Action::Goal`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// Prints how far the data has come.
    pub command: Command,
}

/// See [`Action::Inventory`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TakeInventory {
    /// What is listed.
    pub name: String,
    /// Of which version.
    pub side: Side,
    /// Prints the list.
    pub command: Command,
    /// Regular expressions of lines that are no items.
    pub ignore: Vec<String>,
}

/// See [`Action::Capture`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapturePass {
    /// Run first.
    pub command: Option<Command>,
    /// Glob patterns of files to copy when the snapshot lacks them.
    pub new_files: Vec<String>,
    /// Glob patterns of files whose growth since the snapshot is copied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grown_files: Vec<String>,
    /// Where the datasets are mounted.
    pub mounts: Vec<Mount>,
    /// The snapshot's name.
    pub snapshot: String,
    /// Whether nothing comes after it: the list of files is final.
    pub last: bool,
}

/// See [`Action::Verify`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verify {
    /// The step that lists the captured files; `None` when nothing could have been written.
    pub capture: Option<String>,
    /// The product's own check.
    pub command: Option<Command>,
}

/// See [`Action::Restore`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restore {
    /// Brings the capture in.
    pub command: Command,
    /// Prints how far the data has come.
    pub position: Option<Command>,
    /// Whether an interrupted restore goes on where it was.
    pub resumable: bool,
    /// Output lines that mean a rejected item.
    pub rejects: Vec<String>,
    /// Brings the capture in, but for what is rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_rejects: Option<Command>,
}

/// See [`Action::Prove`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prove {
    /// Names of the inventories.
    pub inventories: Vec<String>,
}
