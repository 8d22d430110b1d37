//! A plan as people read it: each step with its real names and commands.

use serde_json::json;

use super::json;
use super::text::line;
use crate::cli::Global;
use crate::step::{Action, Plan};
use crate::zfs::Dataset;

/// Prints a plan with every command.
pub fn plan(global: &Global, change: &str, plan: &Plan) {
    if global.json {
        json::line(&json!({ "result": "plan", "change": change, "plan": plan }));
        return;
    }
    line(&format!("{} {change}", plan.procedure.verb()));
    let mut cut = false;
    for (i, step) in plan.steps.iter().enumerate() {
        if plan.point_of_no_return() == Some(i) {
            line("     ---- point of no return: from here on the only way is forward ----");
        }
        line(&format!("{:>4}  {}", i + 1, step.title));
        for command in commands(&step.action) {
            let short = shortened(&command);
            cut |= short.is_some();
            line(&format!("        {}", short.unwrap_or(command)));
        }
    }
    if cut {
        line("Commands that end in … are longer; with --json they are shown whole.");
    }
}

/// One command for all of a pool; where it is long, a line each, as a shell takes it.
fn of_pool<'a>(name: &str, datasets: impl Iterator<Item = &'a Dataset>) -> Vec<String> {
    let names: Vec<String> = datasets.map(|dataset| format!("{dataset}@{name}")).collect();
    let whole = format!("zfs snapshot {}", names.join(" "));
    if shortened(&whole).is_none() {
        return vec![whole];
    }
    let last = names.len().saturating_sub(1);
    let lines = names.iter().enumerate().map(|(i, name)| format!("    {name}{}", if i == last { "" } else { " \\" }));
    std::iter::once("zfs snapshot \\".to_owned()).chain(lines).collect()
}

/// The beginning of a command that would fill the screen, such as a page of SQL.
fn shortened(command: &str) -> Option<String> {
    const MOST: usize = 140;
    command.char_indices().nth(MOST).map(|(end, _)| format!("{}…", &command[..end]))
}

/// The commands of a step, as a person would type them.
fn commands(action: &Action) -> Vec<String> {
    match action {
        Action::SaveInstaller(it) => {
            it.save.iter().map(ToString::to_string).chain(it.files.iter().map(|file| format!("copy {file}"))).collect()
        }
        Action::SaveConfig(it) | Action::PutConfig(it) => it.paths.iter().map(|path| path.display().to_string()).collect(),
        Action::Stop(it) => {
            let units = it.units.iter().map(|unit| format!("systemctl mask {unit}; systemctl stop {unit}"));
            units.chain(it.stop.iter().map(ToString::to_string)).collect()
        }
        Action::Start(it) => {
            let units = it.units.iter().rev().map(|unit| format!("systemctl unmask {unit}; systemctl start {unit}"));
            units.chain(it.start.iter().map(ToString::to_string)).collect()
        }
        Action::MaintenanceStart(it) => vec![it.start.to_string()],
        Action::MaintenanceStop(it) => vec![it.stop.to_string()],
        Action::Snapshot(it) => {
            let mut pools: Vec<_> = it.datasets.iter().map(Dataset::pool).collect();
            pools.sort();
            pools.dedup();
            pools.iter().flat_map(|pool| of_pool(&it.name, it.datasets.iter().filter(|dataset| dataset.pool() == *pool))).collect()
        }
        Action::Package(it) => vec![it.command.to_string()],
        Action::Switch(it) => {
            let link = format!("ln -s -f -n {} {}", it.to.display(), it.link.display());
            let drop = it.data_links.iter().map(|name| format!("rm -f {}", it.from.join(name).display()));
            it.use_config.iter().map(ToString::to_string).chain([link]).chain(drop).collect()
        }
        Action::Goal(it) => vec![it.command.to_string()],
        Action::Inventory(it) => vec![it.command.to_string()],
        Action::Capture(it) => {
            let files = it.new_files.iter().map(|pattern| format!("copy what @{} lacks of {pattern}", it.snapshot));
            let growth = it.grown_files.iter().map(|pattern| format!("copy what was appended since @{} to {pattern}", it.snapshot));
            it.command.iter().map(ToString::to_string).chain(files).chain(growth).collect()
        }
        Action::Verify(it) => it.command.iter().map(ToString::to_string).collect(),
        Action::Unmount(it) => {
            it.mounts.iter().rev().map(|mount| format!("zfs set canmount=noauto {0}; zfs unmount {0}", mount.dataset)).collect()
        }
        Action::Mount(it) => it.mounts.iter().map(|mount| format!("zfs mount {}", mount.dataset)).collect(),
        Action::Clone(it) => vec![format!("zfs clone -o canmount=noauto {} {}", it.snapshot, it.target)],
        Action::SetAside(it) => vec![format!("zfs rename -u {} {}", it.dataset, it.aside)],
        Action::TakePlace(it) => vec![format!("zfs rename -u {} {}", it.candidate, it.dataset)],
        Action::Rollback(it) => {
            let gone = it.consented.iter().map(|(snapshot, _)| format!("zfs destroy {snapshot}"));
            let bookmarks = it.consented_bookmarks.iter().map(|bookmark| format!("zfs destroy {bookmark}"));
            gone.chain(bookmarks).chain(it.mounts.iter().map(|mount| format!("zfs rollback {}", mount.dataset))).collect()
        }
        Action::MoveAside(it) => it.moves.iter().map(|(path, aside)| format!("mv {} {}", path.display(), aside.display())).collect(),
        Action::MakeEmpty(it) => it.moves.iter().map(|(path, _)| format!("mkdir {}", path.display())).collect(),
        Action::MoveBack(it) => it.moves.iter().map(|(path, aside)| format!("mv {} {}", aside.display(), path.display())).collect(),
        Action::RemoveAside(it) => it.folders.iter().map(|folder| format!("rm -rf {}", folder.display())).collect(),
        Action::Restore(it) => {
            let past = it.past_rejects.iter().map(|past| format!("or, after --accept-rejects: {past}"));
            std::iter::once(it.command.to_string()).chain(past).collect()
        }
        Action::Prove(_) => Vec::new(),
        Action::PutBack(it) => vec![format!("zfs rename -u {} {}", it.aside, it.dataset)],
        Action::Promote(it) => it.datasets.iter().map(|dataset| format!("zfs promote {dataset}")).collect(),
        Action::Destroy(it) => {
            let snapshots = it.snapshots.iter().map(|(snapshot, _)| format!("zfs destroy {snapshot}"));
            snapshots.chain(it.datasets.iter().map(|(dataset, _)| format!("zfs destroy {dataset}"))).collect()
        }
        Action::LeaveAlone(it) => vec![it.disable.to_string()],
        Action::HandBack(it) => it.before_enable.iter().chain([&it.enable]).map(ToString::to_string).collect(),
        Action::Mark(it) => vec![it.write.to_string()],
        Action::AwaitNodes(it) => vec![it.read.command.to_string()],
        Action::Release(it) => it.units.iter().map(|unit| format!("systemctl unmask {unit}")).collect(),
        Action::HoldUsers(it) => vec![it.command.to_string()],
        Action::CaptureUsers(it) => {
            let lists = it.lists.iter().map(|list| list.command.to_string());
            lists.chain([it.backup.to_string(), it.verify.to_string()]).collect()
        }
        Action::RestoreUsers(it) => vec![it.clear.to_string(), it.restore.to_string()],
        Action::ProveUsers(it) => it.lists.iter().map(|list| list.command.to_string()).collect(),
        Action::AssignUsers(it) => vec![it.command.to_string()],
        Action::DropBackup(_) => Vec::new(),
        Action::Reserve(it) => {
            let create = |name: &Dataset| format!("zfs create -o canmount=off -o mountpoint=none -o refreservation=… {name}");
            it.reserves.iter().map(create).collect()
        }
        Action::ReleaseReserve(it) => it.reserves.iter().map(|name| format!("zfs destroy {name}")).collect(),
        Action::DropSnapshots(it) => it.snapshots.iter().map(|(snapshot, _)| format!("zfs release …; zfs destroy {snapshot}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_sql_is_shown_by_its_beginning() {
        assert_eq!(shortened("zfs mount tank/mysql"), None);
        let sql = format!("mariadb --execute={}", "ä".repeat(400));
        let short = shortened(&sql).expect("too long");
        assert_eq!(short.chars().count(), 141);
        assert!(short.ends_with("ä…"));
    }
}
