//! A host without faults, for tests to damage.

use std::path::PathBuf;

use super::cluster::ClusterFact;
use super::continuity::Broken;
use super::data::DataPath;
use super::datasets::{DatasetFact, Root};
use super::discovered::Asked;
use super::file_names::Uncapturable;
use super::history::{CloneFact, SnapshotFact};
use super::installers::{Installers, SavedFile};
use super::keep::Delegation;
use super::links::LinkOut;
use super::other_data::OtherData;
use super::places::{Others, Place};
use super::pool::PoolFact;
use super::product::RequirementFact;
use super::programs::Program;
use super::rights::Caller;
use super::secrets::UnusableSecret;
use super::services::{Stranger, Unit};
use super::settings::Setting;
use super::sources::{OpenChange, Role};
use super::storage::StorageLocation;
use super::versions::Versions;
use super::zfs_version::ZfsVersion;
use super::{Facts, Finding, Occasion};
use crate::host::identity::Whose;
use crate::host::processes::{InUse, Process};
use crate::host::systemd::UnitState;
use crate::playbook::DataStrategy;
use crate::playbook::model::{self, Question, Verdict};
use crate::playbook::site::RollbackChoice;
use crate::zfs::{BookmarkInfo, DatasetInfo, DatasetKind, Guid, PoolInfo, SnapshotInfo};

pub(super) const GIB: u64 = 1 << 30;
/// 2026-03-01 03:00 UTC.
pub(super) const NOW: i64 = 1_772_334_000;

/// Findings as the terminal shows them.
pub(super) fn show(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

pub(super) fn snapshot(name: &str, guid: u64, hours_ago: i64) -> SnapshotFact {
    let info = SnapshotInfo {
        name: name.parse().expect("name"),
        guid: Guid(guid),
        createtxg: 100_000 - hours_ago.unsigned_abs(),
        creation: NOW - hours_ago * 3600,
        used: 12 << 20,
        referenced: 9 * GIB,
        userrefs: 0,
        clones: Vec::new(),
    };
    SnapshotFact { info, holds: Ok(Vec::new()), clones: Vec::new() }
}

fn file_system(name: &str, place: &str, referenced: u64) -> DatasetFact {
    let info = DatasetInfo {
        name: name.parse().expect("name"),
        guid: Guid(1),
        kind: DatasetKind::Filesystem,
        mountpoint: Some(place.into()),
        mounted: true,
        canmount: "on".into(),
        used: referenced,
        referenced,
        available: 50 * GIB,
        written: 4 << 20,
        refquota: None,
        origin: None,
        keystatus: None,
        readonly: false,
    };
    DatasetFact {
        info,
        mounted_at: vec![place.into()],
        hidden_by: None,
        quota: None,
        reserved: 0,
        snapshots: Ok(vec![snapshot(&format!("{name}@daily"), 7, 40)]),
        bookmarks: Ok(Vec::new()),
    }
}

pub(super) fn location(mount: &str, source: &str) -> StorageLocation {
    let fstype = if source.starts_with("tank") { "zfs" } else { "ext4" };
    StorageLocation {
        mount: mount.into(),
        fstype: fstype.into(),
        source: source.into(),
        dataset: source.parse().ok().filter(|_| fstype == "zfs"),
    }
}

pub(super) fn place(role: Role, path: &str) -> Place {
    Place {
        role,
        path: path.into(),
        nearest: "/var/lib".into(),
        on: Ok(location("/", "/dev/vda1")),
        free: Ok(20 * GIB),
        others: None,
    }
}

pub(super) fn process(pid: i32, comm: &str, cmdline: &str) -> Process {
    Process {
        pid,
        comm: comm.into(),
        cmdline: cmdline.into(),
        since: Some(NOW - 7200),
        uses: None,
        cgroup: "0::/system.slice/db.service".into(),
        container: false,
    }
}

/// The nth of all datasets.
pub(super) fn dataset(facts: &mut Facts, index: usize) -> &mut DatasetFact {
    let tree = facts.roots[0].tree.as_mut().expect("read").as_mut().expect("there");
    &mut tree[index]
}

pub(super) fn snapshots(facts: &mut Facts, index: usize) -> &mut Vec<SnapshotFact> {
    dataset(facts, index).snapshots.as_mut().expect("read")
}

/// Datasets `tank/db` (10 GiB at /srv/db) and `tank/db/log` (1 GiB); before a downgrade with the
/// snapshots `@c1`, two hours old and held.
pub(super) fn facts(occasion: Occasion) -> Facts {
    let mut tree = vec![
        file_system("tank/db", "/srv/db", 10 * GIB),
        file_system("tank/db/log", "/srv/db/log", GIB),
    ];
    let mut ours = Vec::new();
    if occasion.is_downgrade() {
        for (guid, dataset) in (100..).zip(&mut tree) {
            let target = SnapshotFact {
                holds: Ok(vec!["backout:c1".into()]),
                ..snapshot(&format!("{}@c1", dataset.info.name), guid, 2)
            };
            ours.push((target.info.name.clone(), target.info.guid));
            dataset.snapshots.as_mut().expect("read").push(SnapshotFact {
                info: SnapshotInfo { referenced: dataset.info.referenced, ..target.info },
                ..target
            });
        }
    }
    let saved = SavedFile {
        path: "/var/lib/backout/db_10.deb".into(),
        sha256: "ab".into(),
        now: Ok(Some("ab".into())),
    };
    Facts {
        occasion,
        now: NOW,
        caller: Ok(Caller { uid: 0, capabilities: 0x1ff_ffff_ffff }),
        zfs: Ok(ZfsVersion {
            commands: "zfs-2.3.2-1".into(),
            module: Some("zfs-kmod-2.3.2-1".into()),
        }),
        data_strategy: DataStrategy::Zfs,
        folders: Vec::new(),
        full_size: None,
        kept_programs: 0,
        beside: None,
        cluster: None,
        questions: Vec::new(),
        rollback: RollbackChoice::Keep,
        leave: Vec::new(),
        other_files: Vec::new(),
        logs: Vec::new(),
        roots: vec![Root {
            left: Vec::new(),
            name: "tank/db".parse().expect("name"),
            tree: Ok(Some(tree)),
            room: None,
            standby: 0,
            beside: Vec::new(),
        }],
        pools: vec![PoolFact {
            name: "tank".parse().expect("name"),
            state: Ok(Some(PoolInfo {
                health: "ONLINE".into(),
                size: 100 * GIB,
                free: 60 * GIB,
                readonly: false,
                failmode: "wait".into(),
                name: "tank".parse().expect("name"),
                guid: Guid(3),
            })),
        }],
        data: vec![DataPath {
            path: "/srv/db".into(),
            real: Ok("/srv/db".into()),
            on: Ok(location("/srv/db", "tank/db")),
        }],
        outside: vec![DataPath {
            path: "/srv/queue".into(),
            real: Ok("/srv/queue".into()),
            on: Ok(location("/", "/dev/vda1")),
        }],
        links: Vec::new(),
        links_unsearched: Vec::new(),
        system: vec![place(Role::System, "/usr")],
        places: vec![
            place(Role::Journal, "/var/lib/backout"),
            place(Role::Captures, "/var/lib/backout/changes"),
        ],
        foreign_mounts: Ok(Vec::new()),
        snapshot_name: Some("c1".into()).filter(|_| !occasion.is_downgrade()),
        change: occasion.is_downgrade().then(|| "c1".into()),
        ours,
        open_changes: Vec::new(),
        transfers: Ok(Vec::new()),
        jobs: Vec::new(),
        jobs_unknown: Vec::new(),
        units: vec![Unit {
            name: "db.service".into(),
            state: Ok(UnitState {
                load: "loaded".into(),
                active: "active".into(),
                file: "enabled".into(),
                ..UnitState::default()
            }),
        }],
        servers: Ok(vec![process(900, "dbd", "/usr/sbin/dbd")]),
        strangers: Vec::new(),
        server_names: vec!["dbd".into()],
        answers: occasion.is_downgrade().then_some(Ok(())),
        captures_from_files: true,
        users: Ok(InUse::default()),
        versions: Versions {
            installed: Ok(if occasion.is_downgrade() {
                "11.8.9".into()
            } else {
                "10.11.19".into()
            }),
            candidate: (!occasion.is_downgrade()).then(|| Ok("11.8.9".into())),
            wanted: "11.8".into(),
            previous: occasion.is_downgrade().then(|| "10.11.19".into()),
            rule: Ok(Some((Verdict::Allow, String::new()))),
        },
        requirements: vec![RequirementFact {
            about: "The log of changes is on.".into(),
            remedy: "Set log_bin in my.cnf.".into(),
            warn: false,
            accept: None,
            command: "mariadb -e 'select @@log_bin'".into(),
            outcome: Ok(()),
            not_asked: 0,
            fix: Vec::new(),
            answered: true,
        }],
        asked: Vec::new(),
        limits: Vec::new(),
        programs: vec![Program {
            used_by: vec!["installer.save".into()],
            program: "apt-get".into(),
            found: Ok(Some(PathBuf::from("/usr/bin/apt-get"))),
        }],
        secrets: Vec::new(),
        uncapturable: Vec::new(),
        continuity: Vec::new(),
        delegations: Vec::new(),
        settings: Vec::new(),
        other_data: Vec::new(),
        installers: Installers {
            at_least: 1,
            at_hand: None,
            saved: vec![saved].into_iter().filter(|_| occasion.is_downgrade()).collect(),
        },
    }
}

/// Everything that can be wrong at once is wrong.
pub(super) fn spoil(facts: &mut Facts) {
    let name = |text: &str| -> crate::zfs::Dataset { text.parse().expect("name") };
    facts.caller = Ok(Caller { uid: 1000, capabilities: 0 });
    facts.zfs = Err("no module".into());
    facts.pools[0].state = Ok(Some(PoolInfo {
        health: "DEGRADED".into(),
        size: 100 * GIB,
        free: 1,
        readonly: true,
        failmode: "continue".into(),
        name: name("tank").pool(),
        guid: Guid(3),
    }));
    facts.pools.push(PoolFact { name: name("fast").pool(), state: Ok(None) });
    facts.roots[0].left = vec![file_system("tank/db/dumps", "/srv/dumps", GIB)];
    facts.leave = vec![name("tank/db/log")];
    facts.other_files = vec!["/srv/www".into()];
    facts.roots[0].beside = vec![Ok(CloneFact { name: name("tank/db.upgraded"), change: None })];
    facts.roots.push(Root {
        name: name("fast/x"),
        tree: Ok(None),
        room: None,
        standby: 0,
        left: Vec::new(),
        beside: Vec::new(),
    });
    let other =
        DatasetFact { snapshots: Err("no answer".into()), ..file_system("tank", "/tank", GIB) };
    facts.roots.push(Root {
        left: Vec::new(),
        name: name("tank"),
        tree: Ok(Some(vec![other])),
        room: None,
        standby: 0,
        beside: Vec::new(),
    });
    let data = dataset(facts, 0);
    data.info.readonly = true;
    data.info.available = 1;
    data.info.refquota = Some(1);
    data.bookmarks = Ok(vec![BookmarkInfo {
        name: "tank/db#new".into(),
        guid: Guid(4),
        createtxg: u64::MAX - 1,
    }]);
    snapshots(facts, 0).push(snapshot("tank/db@c1", 55, 1));
    let mut later = snapshot("tank/db@later", 56, 1);
    later.info.creation = NOW + 7200;
    snapshots(facts, 0).push(later);
    if let Some(target) = snapshots(facts, 1).last_mut() {
        target.holds = Ok(Vec::new());
        target.info.creation = NOW + 7200;
    }
    facts.ours.push((name("tank/db").at("gone").expect("name"), Guid(9)));
    facts.data.push(DataPath {
        path: "/home/db".into(),
        real: Ok("/home/db".into()),
        on: Ok(location("/", "/dev/vda1")),
    });
    facts.data[0].on = Ok(location("/", "/dev/vda1"));
    facts.outside[0].on = Ok(location("/srv/db", "tank/db"));
    facts.links = vec![LinkOut {
        link: "/srv/db/x".into(),
        target: "/home/x".into(),
        dataset: None,
        of_product: false,
    }];
    facts.logs = vec!["/srv/db/db.err".into()];
    facts.foreign_mounts = Err("no mounts".into());
    facts.system[0].on = Ok(location("/usr", "tank/db"));
    facts.places[0] =
        Place { on: Ok(location("/srv/db", "tank/db")), free: Ok(1), ..facts.places[0].clone() };
    facts.places[1].on =
        Ok(StorageLocation { fstype: "tmpfs".into(), ..location("/tmp", "tmpfs") });
    facts.places[1].others = Some(Others {
        why: "/srv: everyone may write to it".into(),
        remedy: "chmod go-w /srv".into(),
    });
    facts.open_changes = vec![OpenChange { id: "c0".into(), datasets: vec![name("tank/db")] }];
    facts.transfers = Err("no processes".into());
    facts.jobs_unknown = vec!["systemd: no answer".into()];
    facts.units[0].state = Err("no answer".into());
    facts.servers = Ok(Vec::new());
    facts.answers = facts.answers.as_ref().map(|_| Err("no answer".into()));
    facts.strangers = vec![
        Stranger {
            process: process(5, "dbd", "dbd"),
            whose: Whose::Other("x.service".into()),
            shares_program: true,
        },
        Stranger {
            process: process(6, "dbd", "dbd"),
            whose: Whose::Unclear,
            shares_program: false,
        },
    ];
    facts.users = Err("no processes".into());
    facts.versions.candidate = facts.versions.candidate.take().map(|_| Err("no answer".into()));
    facts.versions.rule = Ok(Some((Verdict::Confirm, "Flags.".into())));
    if let Some(previous) = &facts.versions.previous {
        facts.versions.installed = Ok(previous.clone());
    }
    facts.requirements[0].outcome = Err("off".into());
    facts.asked =
        vec![Asked { name: "x".into(), about: "x".into(), value: Err("no answer".into()) }];
    facts.folders = vec![(
        "/var/lib/backout".into(),
        Some("it is a mount point, which cannot be renamed".into()),
    )];
    facts.cluster = Some(ClusterFact {
        node: "node1".into(),
        data: true,
        opened_with_data: Some(false),
        disabled: Err("no cluster".into()),
        enable: "enable".into(),
        wanted: "9".into(),
        marks: Vec::new(),
        agent: Some(("no".into(), "Uninstall it in every zone.".into())),
    });
    facts.beside = Some(Err("/opt/app is no symbolic link".into()));
    facts.questions = vec![Question {
        name: "tested".into(),
        about: "It was tried.".into(),
        remedy: "Try it.".into(),
        before: vec![model::Occasion::Upgrade],
    }];
    facts.limits = vec!["Counters.".into()];
    facts.rollback = RollbackChoice::Auto;
    facts.programs[0].found = Ok(None);
    facts.secrets =
        vec![UnusableSecret { why: "/etc/p: everyone may read it".into(), remedy: None }];
    facts.uncapturable = vec![Uncapturable {
        why: "the name of \"/srv/db/\\xFF\" is not UTF-8 text".into(),
        denied: false,
    }];
    let setting = |property: &str| Setting {
        dataset: name("tank/db"),
        property: property.into(),
        value: "x".into(),
    };
    facts.settings = vec![setting("keylocation"), setting("sharenfs")];
    facts.delegations =
        vec![Delegation { dataset: name("tank/db"), lines: vec!["Local permissions:".into()] }];
    facts.continuity = vec![Broken {
        why: "/srv/db/log.2 is missing".into(),
        look: Some("ls".into()),
        denied: false,
        unknown: None,
    }];
    facts.installers.saved.clear();
    facts.other_data = vec![OtherData {
        dataset: name("tank/db/dumps"),
        snapshot: name("tank/db/dumps").at("c1").expect("name"),
        written: Ok(GIB),
    }];
}
