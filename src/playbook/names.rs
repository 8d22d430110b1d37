//! The names that get their values while a change runs, and where each may stand.

use std::collections::BTreeMap;

/// Where a template stands, which decides what is known there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplatePlace {
    /// `version.command`.
    Version,
    /// `data`, `service.units`, `installer.files`, `aside.also`, and the file patterns of
    /// `capture.pass`: needed when the plan is made.
    Host,
    /// The commands of `detect`.
    Detect,
    /// `discover`, `requirement`, `fix`, `upgrade.candidate`.
    Check,
    /// A `requirement` that is never asked before the upgrade.
    CheckBack,
    /// The commands of `service`.
    Service,
    /// `installer.save`.
    Installer,
    /// `upgrade.command`, `upgrade.repair`.
    Upgrade,
    /// The commands of `capture.pass`.
    Pass,
    /// `capture.verify`, `restore.position_from_files`.
    Verify,
    /// `downgrade`.
    Downgrade,
    /// `restore.position`.
    Position,
    /// `restore.command`.
    Restore,
    /// `restore.past_rejects`.
    PastRejects,
    /// `whole.notice`.
    Notice,
    /// `whole.write` and `whole.load`.
    Item,
    /// `whole.differing`.
    Differing,
    /// The commands of `aside`.
    Aside,
    /// The commands of `standby`, but for those of [`Self::Switch`].
    Standby,
    /// `drain`, `settle`, `end` and `rest` of `standby.switch`.
    Switch,
    /// `inventory.touched.fed` and `inventory.touched.ahead.mark`.
    FindFed,
    /// `inventory.touched.ahead.since`.
    FindSince,
    /// The commands of `inventory`.
    Inventory,
    /// `inventory.touched.find`.
    FindTouched,
    /// `inventory.touched.command`.
    ListTouched,
    /// `show`, `hold` and `assign` of `coexistent.directory`.
    Directory,
    /// `backup`, `verify`, `clear` and `restore` of `coexistent`.
    Mover,
    /// The commands of `cluster`.
    Cluster,
    /// `cluster.write_mark`.
    WriteMark,
    /// `coexistent.directory.users` and the commands of `coexistent.inventory`.
    UserList,
}

use TemplatePlace::{
    Aside, Check, CheckBack, Cluster, Detect, Differing, Directory, Downgrade, FindFed, FindSince,
    FindTouched, Host, Installer, Inventory, Item, ListTouched, Mover, Notice, Pass, PastRejects,
    Position, Restore, Service, Standby, Switch, Upgrade, UserList, Verify, Version, WriteMark,
};

impl TemplatePlace {
    /// As it is called in messages.
    pub fn title(self) -> &'static str {
        match self {
            Version => "version.command",
            Host => {
                "data, service.units, installer.files, aside.also, and the file patterns of capture.pass"
            }
            Detect => "the commands of detect",
            Check => "discover, requirement, fix and upgrade.candidate",
            CheckBack => "a requirement that is not asked before the upgrade",
            Service => "the commands of service",
            Installer => "installer.save",
            Upgrade => "upgrade.command and upgrade.repair",
            Pass => "the commands of capture.pass",
            Verify => "capture.verify and restore.position_from_files",
            Downgrade => "downgrade",
            Position => "restore.position",
            Restore => "restore.command",
            PastRejects => "restore.past_rejects",
            Notice => "whole.notice",
            Item => "whole.write and whole.load",
            Differing => "whole.differing",
            Aside => "the commands of aside",
            Standby => "the commands of standby",
            Switch => "drain, settle, end and rest of standby.switch",
            FindFed => "inventory.touched.fed and inventory.touched.ahead.mark",
            FindSince => "inventory.touched.ahead.since",
            Inventory => "inventory",
            FindTouched => "inventory.touched.find",
            ListTouched => "inventory.touched.command",
            Directory => "show, hold and assign of coexistent.directory",
            Mover => "backup, verify, clear and restore of coexistent",
            Cluster => "the commands of cluster",
            WriteMark => "cluster.write_mark",
            UserList => "coexistent.directory.users and coexistent.inventory",
        }
    }

    /// Whether the values of `discover` are known.
    pub fn knows_discovered(self) -> bool {
        !matches!(
            self,
            Version | Detect | Host | Check | Directory | Mover | UserList | Cluster | WriteMark
        )
    }
}

/// A name that gets its value while a change runs.
#[derive(Debug, Clone, Copy)]
pub struct LateName {
    /// What stands between the braces.
    pub name: &'static str,
    /// What it becomes.
    pub about: &'static str,
    /// It stands for several arguments, and must be a word of its own.
    pub list: bool,
    /// Where it may stand, in groups.
    places: &'static [&'static [TemplatePlace]],
}

impl LateName {
    /// Where it may stand.
    pub fn places(&self) -> impl Iterator<Item = TemplatePlace> {
        self.places.iter().copied().flatten().copied()
    }

    /// Whether it may stand there.
    pub fn is_known(&self, place: TemplatePlace) -> bool {
        self.places().any(|known| known == place)
    }
}

/// Everything that runs for a change, in its order.
const CHANGE: &[TemplatePlace] = &[
    Service,
    Installer,
    Upgrade,
    Pass,
    Verify,
    Downgrade,
    Position,
    Restore,
    PastRejects,
    Notice,
    Item,
    Differing,
    Aside,
    Standby,
    Switch,
    Inventory,
    FindTouched,
    FindFed,
    FindSince,
    ListTouched,
];
/// The commands that run on this host, and for it alone.
const COMMANDS: &[&[TemplatePlace]] = &[&[Version, Detect, Check, CheckBack], CHANGE];
const AFTER_SNAPSHOT: &[&[TemplatePlace]] = &[
    &[Pass, Verify, Downgrade, Position, Restore, PastRejects, Notice, Item, Differing, Aside],
    FED,
];
/// Where the standby is known.
const FED: &[TemplatePlace] = &[Standby, Switch, FindFed, FindSince];

/// All of them.
pub const LATE_NAMES: &[LateName] = &[
    LateName {
        name: "upgrade_to",
        about: "the site's `upgrade_to`: the version wanted, whole or its first parts",
        list: false,
        places: &[
            &[Version, Host, Check, CheckBack],
            CHANGE,
            &[Directory, Mover, UserList, Cluster, WriteMark],
        ],
    },
    LateName {
        name: "from_version",
        about: "the version before the upgrade",
        list: false,
        places: &[&[Host, Check, CheckBack], CHANGE],
    },
    LateName {
        name: "to_version",
        about: "the version after the upgrade",
        list: false,
        places: AFTER_SNAPSHOT,
    },
    LateName { name: "change", about: "the id of the change", list: false, places: &[CHANGE] },
    LateName {
        name: "snapshot",
        about: "the snapshot's name, the part after the `@`",
        list: false,
        places: AFTER_SNAPSHOT,
    },
    LateName {
        name: "snapshot_time",
        about: "when the snapshot was taken, local time, as 20261123:142501",
        list: false,
        places: AFTER_SNAPSHOT,
    },
    LateName {
        name: "capture_dir",
        about: "the folder of the capture",
        list: false,
        places: &[&[Pass, Verify, Restore, PastRejects, Notice, FindTouched]],
    },
    LateName {
        name: "capture_files",
        about: "the files of the capture, sorted by name",
        list: true,
        places: &[&[Verify, Restore, PastRejects, FindTouched]],
    },
    LateName {
        name: "snapshot_files",
        about: "the last file of each series of `numbered_files` in the snapshot, unless it went \
            on since and is in the capture",
        list: true,
        places: &[&[Verify]],
    },
    LateName {
        name: "touched_file",
        about: "the file with what `inventory.touched.find` printed, sorted, each line once",
        list: false,
        places: &[&[ListTouched]],
    },
    LateName {
        name: "ahead_mark",
        about: "what `inventory.touched.ahead.mark` printed before both lists were taken",
        list: false,
        places: &[&[FindSince]],
    },
    LateName {
        name: "whole_dir",
        about: "the folder for what is carried whole; each item has a folder of its own in it",
        list: false,
        places: &[&[Notice, Restore, PastRejects]],
    },
    LateName {
        name: "item",
        about: "the item that is carried whole",
        list: false,
        places: &[&[Item]],
    },
    LateName {
        name: "item_dir",
        about: "the folder of that item",
        list: false,
        places: &[&[Item]],
    },
    LateName {
        name: "differing_dir",
        about: "the folder with NAME.missing and NAME.unexpected for each inventory",
        list: false,
        places: &[&[Differing]],
    },
    LateName {
        name: "upgraded_root",
        about: "the folder with the upgraded version's programs, each at its own path",
        list: false,
        places: &[&[Aside], FED],
    },
    LateName {
        name: "previous_root",
        about: "the folder with the previous version's programs, each at its own path",
        list: false,
        places: &[FED],
    },
    LateName {
        name: "standby_programs",
        about: "the folder with the programs of the version that stands by: `previous_root`, or \
            after a downgrade `upgraded_root`",
        list: false,
        places: &[FED],
    },
    LateName {
        name: "standby_root",
        about: "the folder below which each path of the standby's data is at its own place",
        list: false,
        places: &[FED],
    },
    LateName {
        name: "feed_dir",
        about: "a folder for the feed's own files, empty when the standby is made",
        list: false,
        places: &[FED, &[ListTouched]],
    },
    LateName {
        name: "address",
        about: "where the server that is asked is reached: `service.maintenance.address`, \
            `standby.address` or `service.address`",
        list: false,
        places: &[&[Inventory, FindTouched, FindFed, FindSince, ListTouched]],
    },
    LateName {
        name: "proof_root",
        about: "in `aside.serve`: the folder below which each path of the copied data is at its own place",
        list: false,
        places: &[&[Aside]],
    },
    LateName {
        name: "installer_dir",
        about: "the folder where the previous version's installer is kept",
        list: false,
        places: &[&[Installer, Downgrade, CheckBack]],
    },
    LateName {
        name: "installer_files",
        about: "the files in that folder, sorted by name",
        list: true,
        places: &[&[Downgrade, CheckBack]],
    },
    LateName {
        name: "response_file",
        about: "the file that backout writes from `response_file`",
        list: false,
        places: &[&[Installer, Upgrade, Downgrade]],
    },
    LateName {
        name: "config_dir",
        about: "the folder where the saved configuration is",
        list: false,
        places: &[&[Downgrade]],
    },
    LateName {
        name: "position",
        about: "what `restore.position` printed just before this try: how far the data has come; in \
            `standby.switch` what `feed.source` printed while writes were refused",
        list: false,
        places: &[&[Restore, PastRejects, Switch]],
    },
    LateName {
        name: "rejects_file",
        about: "the file that a line is appended to for each rejected item",
        list: false,
        places: &[&[PastRejects]],
    },
    LateName {
        name: "target_position",
        about: "what `restore.position` printed on the new version: how far the data must come",
        list: false,
        places: &[&[Verify, Restore, PastRejects, Notice]],
    },
    LateName {
        name: "backout",
        about: "this program's own path: `{backout} helper NAME` runs one of its helpers",
        list: false,
        places: COMMANDS,
    },
    LateName {
        name: "program_dir",
        about: "the folder with the programs that the playbook brings",
        list: false,
        places: COMMANDS,
    },
    LateName {
        name: "user",
        about: "the user that is moved",
        list: false,
        places: &[&[Directory, Mover]],
    },
    LateName {
        name: "node",
        about: "the node of the cluster",
        list: false,
        places: &[&[Cluster, WriteMark]],
    },
    LateName {
        name: "mark",
        about: "what is written for the other nodes: a version",
        list: false,
        places: &[&[WriteMark]],
    },
    LateName {
        name: "host",
        about: "the host that the user is on, or comes to",
        list: false,
        places: &[&[Directory]],
    },
];

/// Fields at the top of a playbook that had another name in 0.1.0; it is still accepted.
pub(super) const FORMER_FIELDS: &[(&str, &str)] =
    &[("ask", "discover"), ("silent", "response_file")];

/// Names that were called otherwise in 0.1.0. Playbooks and the plans in journals may still use
/// the former ones.
const FORMER_NAMES: &[(&str, &str)] =
    &[("silent_file", "response_file"), ("goal", "target_position")];

/// Gives the values their former names, too.
pub fn add_former(values: &mut BTreeMap<String, String>) {
    for (former, now) in FORMER_NAMES {
        if let Some(value) = values.get(*now).cloned() {
            values.insert((*former).to_owned(), value);
        }
    }
}

/// The late name that is called so, or was.
pub fn late(name: &str) -> Option<&'static LateName> {
    let former = FORMER_NAMES.iter().find(|(former, _)| *former == name);
    let name = former.map_or(name, |(_, now)| *now);
    LATE_NAMES.iter().find(|late| late.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playbook::CommandTemplate;

    #[test]
    fn a_plan_that_a_journal_of_0_1_0_holds_is_filled_in() {
        let recorded = r#"{"stages":[["awk","-v","goal={goal}","{{ print }} {$}{{x}}","${Version}"],["x","{silent_file}"]],"env":{"A":"{capture_dir}"},"timeout":600}"#;
        let command: CommandTemplate = serde_json::from_str(recorded).expect("a command");
        let value = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut values = BTreeMap::from([
            value("target_position", "0-1-7"),
            value("response_file", "/r"),
            value("capture_dir", "/c"),
        ]);
        add_former(&mut values);
        let command = command.fill(&|name| values.get(name).cloned()).expect("every name");
        let awk = ["awk", "-v", "goal=0-1-7", "{ print } ${x}", "${Version}"];
        assert_eq!(command.stages, [awk.to_vec(), vec!["x", "/r"]]);
        assert_eq!(command.env["A"], "/c");
    }
}
