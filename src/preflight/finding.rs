//! What a check found.

use std::fmt;

use serde::{Serialize, Serializer};

/// What a finding means for the procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It does not begin.
    Refuse,
    /// It begins only after this finding was accepted.
    Confirm,
    /// It begins. People should know.
    Warn,
}

/// Each kind with its name, which stays: people accept findings and look for them by it.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All of them, in the order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The stable name, such as `newer-snapshots`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// A value that the change needs could not be found.
    Ask = "ask",
    /// Without ZFS a backup must be at hand.
    Backup = "backup",
    /// The version that would be installed.
    Candidate = "candidate",
    /// A dataset is not mounted at boot.
    Canmount = "canmount",
    /// The clock.
    Clock = "clock",
    /// The cluster, or this node's turn.
    Cluster = "cluster",
    /// What was written since the snapshot, from its beginning on.
    Continuity = "continuity",
    /// Links that lead out of the data.
    DataLinks = "data-links",
    /// Log files within the data.
    DataLogs = "data-logs",
    /// Where the data is.
    DataPath = "data-path",
    /// Other processes that use the data.
    DataUsers = "data-users",
    /// A dataset without data of the product.
    DatasetIdle = "dataset-idle",
    /// A dataset that is not there.
    DatasetMissing = "dataset-missing",
    /// Permissions on a dataset that others have.
    Delegations = "delegations",
    /// The directory of users.
    Directory = "directory",
    /// Files that cannot be captured.
    FileName = "file-name",
    /// Mounts below the datasets.
    ForeignMount = "foreign-mount",
    /// A mount over a dataset.
    Hidden = "hidden",
    /// The other host.
    Host = "host",
    /// The installed version.
    Installed = "installed",
    /// The installer of the previous version.
    Installer = "installer",
    /// An encryption key.
    Key = "key",
    /// Datasets made after the snapshot.
    LateDatasets = "late-datasets",
    /// Datasets of other use below the service's.
    LeftAlone = "left-alone",
    /// A dataset that ZFS does not mount.
    LegacyMount = "legacy-mount",
    /// What a downgrade cannot do.
    Limits = "limits",
    /// A dataset at another place than its mountpoint.
    MountedElsewhere = "mounted-elsewhere",
    /// A folder that cannot be moved aside.
    MoveAside = "move-aside",
    /// A name that the rollback needs.
    NameBeside = "name-beside",
    /// Bookmarks that the rollback destroys.
    NewerBookmarks = "newer-bookmarks",
    /// A newer snapshot with clones.
    NewerCloned = "newer-cloned",
    /// A newer snapshot that is held.
    NewerHeld = "newer-held",
    /// Newer snapshots.
    NewerSnapshots = "newer-snapshots",
    /// The upgraded version does not answer.
    NotAnswering = "not-answering",
    /// A dataset that is not mounted.
    NotMounted = "not-mounted",
    /// The service does not run.
    NotRunning = "not-running",
    /// Another change is open.
    OpenChange = "open-change",
    /// What others wrote to child datasets since the snapshot.
    OtherData = "other-data",
    /// Files that are not the product's, on a dataset that goes back.
    OtherFiles = "other-files",
    /// Servers of the same name that are not the service.
    OtherServer = "other-server",
    /// What must not be rolled back.
    Outside = "outside",
    /// A dataset has an encryption key of its own.
    OwnKey = "own-key",
    /// A place of this tool inside the data.
    PlaceInStore = "place-in-store",
    /// A place of this tool on what is rolled back.
    PlaceOnDataset = "place-on-dataset",
    /// Free space at a place of this tool.
    PlaceRoom = "place-room",
    /// A place of this tool that a reboot empties.
    PlaceVolatile = "place-volatile",
    /// A place of this tool that others can change.
    PlaceWritable = "place-writable",
    /// What a pool does when devices fail.
    PoolFailmode = "pool-failmode",
    /// A pool that is nearly full.
    PoolFill = "pool-fill",
    /// The health of a pool.
    PoolHealth = "pool-health",
    /// A pool that is not imported.
    PoolMissing = "pool-missing",
    /// A pool that is imported read-only.
    PoolReadonly = "pool-readonly",
    /// A pool's root dataset.
    PoolRoot = "pool-root",
    /// A program that a command starts.
    Program = "program",
    /// What only a person can answer.
    Question = "question",
    /// A dataset that is read-only.
    Readonly = "readonly",
    /// A refquota smaller than the snapshot.
    Refquota = "refquota",
    /// A requirement of the playbook.
    Requirement = "requirement",
    /// Who runs this.
    Rights = "rights",
    /// A value of the site file that changed its meaning.
    RollbackAuto = "rollback-auto",
    /// Room in the pool.
    Room = "room",
    /// A secret that cannot be used.
    Secret = "secret",
    /// Datasets on several pools.
    SeveralPools = "several-pools",
    /// A dataset is shared by NFS or SMB.
    Shared = "shared",
    /// The two installations.
    SideBySide = "side-by-side",
    /// A value for the vendor's installer.
    Silent = "silent",
    /// Jobs that make snapshots.
    SnapshotJobs = "snapshot-jobs",
    /// The name of the new snapshot.
    SnapshotName = "snapshot-name",
    /// Snapshots that could not be read.
    SnapshotsUnread = "snapshots-unread",
    /// Parts of the system on what is rolled back.
    System = "system",
    /// The hold of the snapshot to go back to.
    TargetHold = "target-hold",
    /// The snapshot to go back to is missing.
    TargetMissing = "target-missing",
    /// The snapshot to go back to was replaced.
    TargetReplaced = "target-replaced",
    /// Others use the snapshot to go back to.
    TargetShared = "target-shared",
    /// A running send or receive.
    Transfer = "transfer",
    /// A unit of the service.
    Unit = "unit",
    /// A unit whose file prevents that it is masked.
    UnitFile = "unit-file",
    /// A masked unit.
    UnitMasked = "unit-masked",
    /// A user to be moved.
    User = "user",
    /// Whether the playbook knows these versions.
    VersionRule = "version-rule",
    /// The commands and the module of ZFS.
    Zfs = "zfs",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Something a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    #[serde(rename = "guard")]
    pub kind: Kind,
    /// What it means.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub title: String,
    /// The facts: names, sizes, dates, one on each line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// What to type or do, one on each line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedy: Vec<String>,
    /// For [`Severity::Confirm`]: the names to accept, so that an old answer does not cover new
    /// ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// For [`Severity::Confirm`]: it was accepted in advance.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub answered: bool,
}

impl Finding {
    pub(super) fn new(kind: Kind, severity: Severity, title: impl Into<String>) -> Self {
        Self {
            kind,
            severity,
            title: title.into(),
            detail: Vec::new(),
            remedy: Vec::new(),
            subjects: Vec::new(),
            answered: false,
        }
    }

    pub(super) fn refuse(kind: Kind, title: impl Into<String>) -> Self {
        Self::new(kind, Severity::Refuse, title)
    }

    pub(super) fn confirm(kind: Kind, title: impl Into<String>) -> Self {
        Self::new(kind, Severity::Confirm, title)
    }

    pub(super) fn warn(kind: Kind, title: impl Into<String>) -> Self {
        Self::new(kind, Severity::Warn, title)
    }

    pub(super) fn detail<S: Into<String>>(mut self, lines: impl IntoIterator<Item = S>) -> Self {
        self.detail.extend(lines.into_iter().map(Into::into));
        self
    }

    pub(super) fn remedy<S: Into<String>>(mut self, lines: impl IntoIterator<Item = S>) -> Self {
        self.remedy.extend(lines.into_iter().map(Into::into));
        self
    }

    pub(super) fn about<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.subjects.extend(names.into_iter().map(Into::into));
        self
    }

    /// Whether it is still to be accepted.
    pub fn asks(&self) -> bool {
        self.severity == Severity::Confirm && !self.answered
    }

    /// The names that it is accepted by (`--accept NAME`): its subjects, or else its kind.
    pub fn names(&self) -> Vec<&str> {
        if self.subjects.is_empty() {
            vec![self.kind.name()]
        } else {
            self.subjects.iter().map(String::as_str).collect()
        }
    }
}

/// For a terminal: what is wrong, the facts, what to do.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Refuse => "refused",
            Severity::Confirm => "confirm",
            Severity::Warn => "warning",
        };
        write!(f, "{word}: {} [{}]", self.title, self.kind)?;
        for line in self.detail.iter().flat_map(|text| text.lines()) {
            write!(f, "\n         {line}")?;
        }
        let mut lead = "  to do: ";
        for line in self.remedy.iter().flat_map(|text| text.lines()) {
            write!(f, "\n{lead}{line}")?;
            lead = "         ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_name_of_its_own() {
        assert!(Kind::ALL.is_sorted_by(|one, next| one.name() < next.name()));
    }
}
