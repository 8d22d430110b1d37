//! How the product of a test is, and where its data lies.

use crate::playbook::DataStrategy;
use crate::zfs::RollbackMethod;

/// How the product is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// An interrupted restore goes on; else the data is rolled back first.
    pub resumable: bool,
    /// It is restored while the server is stopped, which loads it at its start.
    pub loads: bool,
    pub unit: bool,
    pub reinstall_first: bool,
    pub uninstall: bool,
    pub method: RollbackMethod,
    /// The index is on a pool of its own.
    pub pools: bool,
    /// A boot does not mount the log.
    pub noauto: bool,
    /// The data was cloned from another dataset before it all began.
    pub cloned: bool,
    /// The playbook tells the processes that serve clients from the others.
    pub told: bool,
    /// Packages refuse to be removed when they are not there, to be installed when they are, and to
    /// be upgraded when they are not.
    pub strict: bool,
    /// The capture is made from the files, with the server stopped.
    pub from_files: bool,
    /// How a version comes back: on datasets, from a backup of everything in folders, or without
    /// data.
    pub data_strategy: DataStrategy,
    /// Further datasets below, each with six snapshots of others.
    pub children: usize,
    /// The playbook has a standby.
    pub standby: bool,
    /// Both servers are compared while clients write.
    pub ahead: bool,
}

pub(super) const PLAIN: Kind = Kind {
    resumable: true,
    loads: false,
    unit: true,
    reinstall_first: false,
    uninstall: true,
    method: RollbackMethod::Program,
    pools: false,
    noauto: true,
    cloned: false,
    told: false,
    strict: false,
    from_files: false,
    data_strategy: DataStrategy::Zfs,
    children: 0,
    standby: false,
    ahead: false,
};
pub(super) const ROUGH: Kind = Kind {
    resumable: false,
    loads: false,
    unit: false,
    reinstall_first: true,
    uninstall: false,
    method: RollbackMethod::OneByOne,
    pools: true,
    noauto: false,
    cloned: false,
    told: false,
    strict: false,
    from_files: false,
    data_strategy: DataStrategy::Zfs,
    children: 0,
    standby: false,
    ahead: false,
};
