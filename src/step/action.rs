//! What the steps of a plan do.

use serde::{Deserialize, Serialize};

use super::*;
use crate::journal::Role;

/// What a step does. Each has its file below `step/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Puts the installer of the installed version aside.
    SaveInstaller(SaveInstaller),
    /// Copies the upgraded version's programs into the change's folder.
    KeepPrograms(KeepPrograms),
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
    #[serde(rename = "goal")]
    TargetPosition(TargetPosition),
    /// Finds what the capture touched.
    FindTouched(FindTouched),
    /// Compares both servers' lists while clients write.
    CompareAhead(CompareAhead),
    /// Lists what the product holds.
    Inventory(TakeInventory),
    /// One pass of the incremental backup.
    Capture(CapturePass),
    /// Finds out which items the capture cannot carry.
    NoticeWhole(NoticeWhole),
    /// Writes them out whole.
    WriteWhole(WriteWhole),
    /// Brings them whole into the previous version.
    LoadWhole(LoadWhole),
    /// Takes the items that hold what differs, if a person asked to repair that.
    NoticeDiffering(NoticeDiffering),
    /// Writes them out whole, from the upgraded data on a clone.
    WriteFromClone(WriteFromClone),
    /// Stops a server on clones, and destroys them.
    DropClones(DropClones),
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
    /// What took over from a standby becomes what it was cloned from.
    Succeed(Succeed),
    /// Destroys datasets of ours.
    Destroy(Destroy),
    /// Releases and destroys snapshots of ours.
    DropSnapshots(DropSnapshots),
    /// Mounts the clones of a standby where nobody looks.
    MountStandby(StandbyClones),
    /// Starts the standby.
    StandbyStart(StandbyServer),
    /// Stops it.
    StandbyStop(StandbyServer),
    /// Feeds it with what is written to the version that serves.
    FeedStart(Feed),
    /// Ends that.
    FeedStop(Feed),
    /// Waits until it has caught up.
    CatchUp(CatchUp),
    /// Destroys the clones of the standby.
    DropStandby(StandbyClones),
    /// After a switch that was given up: lets the standby go on.
    ResumeStandby(ResumeStandby),
    /// The version that serves accepts no write from now on.
    Refuse(Refuse),
    /// Takes that back.
    Allow(Allow),
    /// Asks that version how far it has come, while writes are refused.
    SourcePosition(SourcePosition),
    /// Waits until the standby has all of that.
    Drain(Drain),
    /// What the feed does not bring.
    Settle(Settle),
    /// Ends its server so that nothing more is acknowledged.
    EndUpgraded(EndUpgraded),
    /// Takes back what the upgrade made in the upgraded server for a standby.
    ForgetStandby(ForgetStandby),
    /// Sets the clones of the standby up as the datasets whose place they take.
    SetUpStandby(StandbyClones),
    /// The version that took over serves from its private root.
    Serve(ServeFromRoot),
    /// Stops it there.
    ServeStop(ServeFromRoot),
    /// Holds connections of clients while the service is closed.
    HoldConnections(Connections),
    /// Lets them through.
    LetThrough(Connections),
    /// Tells the cluster to leave the service alone.
    LeaveAlone(Cluster),
    /// Gives the service back to the cluster.
    HandBack(Cluster),
    /// Writes down for the other nodes which version this one has.
    #[serde(rename = "mark")]
    VersionMark(VersionMark),
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

impl crate::journal::Action for Action {
    fn role(&self) -> Role {
        match self {
            Self::Stop(_) | Self::Refuse(_) | Self::ServeStop(_) => Role::ClosesService,
            Self::Capture(_) | Self::Drain(_) => Role::Captures,
            Self::Rollback(Rollback { base: false, .. }) => Role::PointOfNoReturn,
            Self::ProveUsers(_) => Role::ProvesUsers,
            Self::AssignUsers(_) => Role::AssignsUsers,
            _ => Role::Other,
        }
    }
}
