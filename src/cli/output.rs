//! What people and programs read: lines for the ones, JSON for the others.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::status::{Next, Report};
use super::{Global, Trouble};
use crate::change::run::Event;
use crate::guard::Finding;
use crate::journal::Output;
use crate::plan::{Action, Plan, Step};
use crate::zfs::Dataset;

/// Prints a line; a reader that went away (`| head`) is no error.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prose for a terminal: broken between words, indented like the texts behind `now:` and `cause:`. What is `to do:` stays whole, for copying; and a log
/// gets each sentence on one line, for searching.
fn fitted(text: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return text.to_owned();
    }
    let options = || textwrap::Options::with_termwidth().break_words(false).word_splitter(textwrap::WordSplitter::NoHyphenation);
    let mut remedy = false;
    let line = |line: &str| {
        remedy |= line.trim_start().starts_with("to do:") || line.trim_start().starts_with("remedy:");
        if remedy { line.to_owned() } else { textwrap::fill(line, options().subsequent_indent("         ")) }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Prints one JSON object on a line.
pub fn json_line(value: &Value) {
    line(&value.to_string());
}

/// Prints an error.
pub fn trouble(global: &Global, trouble: &Trouble) {
    if global.json {
        json_line(&json!({
            "result": "error", "exit": trouble.exit.status(), "what": trouble.what, "cause": trouble.cause,
            "now": trouble.now, "next": trouble.next,
        }));
        return;
    }
    let mut text = format!("error: {}\n", trouble.what);
    for cause in &trouble.cause {
        // What a check found begins with its own word.
        let lead = if ["refused: ", "confirm: "].iter().any(|word| cause.starts_with(word)) { "  " } else { "  cause: " };
        text.push_str(&indented(lead, &" ".repeat(lead.len()), cause));
    }
    for truth in &trouble.now {
        text.push_str(&indented("  now:   ", "         ", truth));
    }
    text.push_str(&ways(&trouble.next));
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn indented(first: &str, more: &str, text: &str) -> String {
    let lines = text.lines().enumerate().map(|(i, line)| format!("{}{line}", if i == 0 { first } else { more }).trim_end().to_owned());
    let text = lines.collect::<Vec<_>>().join("\n");
    if text.is_empty() { text } else { format!("{}\n", fitted(&text)) }
}

fn ways(next: &[Next]) -> String {
    let longest = |text: fn(&Next) -> &str| next.iter().map(|next| text(next).chars().count()).max().unwrap_or_default();
    let width = longest(|next| &next.command);
    // Beside each other if all of it fits a terminal of 80 columns, otherwise below each other.
    let beside = 9 + width + 2 + longest(|next| &next.meaning) <= 80;
    next.iter()
        .enumerate()
        .map(|(i, next)| {
            let lead = if i == 0 { "  next:  " } else { "         " };
            if beside {
                format!("{lead}{:width$}  {}\n", next.command, next.meaning)
            } else {
                format!("{lead}{}\n             {}\n", next.command, next.meaning)
            }
        })
        .collect()
}

/// Prints where changes stand.
pub fn status(global: &Global, reports: &[Report], at_work: Option<&str>) {
    if global.json {
        json_line(&json!({ "result": "status", "changes": reports, "at_work": at_work }));
        return;
    }
    if let Some(holder) = at_work {
        line(&format!("A run of backout is at work: {holder}"));
    }
    if reports.is_empty() {
        line("There is no change on this host.");
        line("  next:  backout check  see whether this host can upgrade, and come back");
    }
    for report in reports {
        line(format_report(report).trim_end());
    }
}

fn format_report(report: &Report) -> String {
    let mut text = format!("{}: {}, {} -> {}\n", report.change, report.state, report.from, report.to);
    if let (Some((done, total)), Some(step)) = (report.done, &report.step) {
        text.push_str(&format!("  step:  {step} ({done} of {total} done)\n"));
    }
    if let Some(why) = &report.why {
        text.push_str(&indented("  why:   ", "         ", why));
    }
    for truth in &report.now {
        text.push_str(&indented("  now:   ", "         ", truth));
    }
    text.push_str(&ways(&report.next));
    text
}

/// Prints the end of a procedure that is complete.
pub fn finished(global: &Global, report: &Report) {
    if global.json {
        json_line(&json!({ "result": "finished", "change": report }));
    } else {
        line("");
        line(format_report(report).trim_end());
    }
}

/// Prints what guards found.
pub fn findings(global: &Global, findings: &[Finding]) {
    if !global.json {
        for finding in findings {
            line(&fitted(&finding.to_string()));
        }
    }
}

/// Prints a plan with every command.
pub fn plan(global: &Global, change: &str, plan: &Plan) {
    if global.json {
        json_line(&json!({ "result": "plan", "change": change, "plan": plan }));
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
fn of_pool<'a>(name: &str, datasets: impl Iterator<Item = &'a crate::zfs::Dataset>) -> Vec<String> {
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
            let mut pools: Vec<_> = it.datasets.iter().map(crate::zfs::Dataset::pool).collect();
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

/// Says what happens while a procedure runs.
pub struct Watcher {
    json: bool,
}

impl Watcher {
    /// For a person, or for a program.
    pub fn new(global: &Global) -> Self {
        Self { json: global.json }
    }

    /// Says it.
    pub fn event(&mut self, event: &Event<'_>) {
        if self.json {
            json_line(&as_json(event));
        } else {
            self.for_people(event);
        }
    }

    fn for_people(&mut self, event: &Event<'_>) {
        let clock = super::now().format("%H:%M:%S");
        match event {
            Event::Started { step, number, total, attempt } => {
                let again = if *attempt > 1 { format!(" (try {attempt})") } else { String::new() };
                line(&format!("{clock}  {number:>2}/{total}  {}{again}", step.title));
            }
            Event::Done { step, adopted: true, .. } => line(&format!("{clock}         found done: {}", step.title)),
            Event::Done { took, output, .. } => {
                let what = outcome(output);
                if took.as_secs() > 0 || !what.is_empty() {
                    line(&format!("{clock}         {what}{}", human(*took)));
                }
            }
            Event::Failed { step, .. } => line(&format!("{clock}         failed: {}", step.title)),
            Event::Rewound { to, why } => line(&format!("{clock}         {why}: going back to step `{to}`")),
            Event::Said(text) => line(&format!("{clock}         {text}")),
        }
    }
}

fn human(took: Duration) -> String {
    if took.as_secs() >= 60 {
        format!("{} min {} s", took.as_secs() / 60, took.as_secs() % 60)
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// What a step left, in words; ends with a comma and a space where there is something.
fn outcome(output: &Output) -> String {
    match output {
        Output::Nothing => String::new(),
        Output::Snapshots { list } => format!("{}, ", counted(list.len(), "snapshot")),
        Output::Files { list } => {
            let bytes: u64 = list.iter().map(|file| file.size).sum();
            format!("{}, {}, ", counted(list.len(), "file"), humansize::format_size(bytes, humansize::BINARY))
        }
        Output::Text { text } => format!("{text}, "),
        Output::Version { version } => format!("version {version}, "),
        Output::Inventory { items, .. } => format!("{}, ", counted(usize::try_from(*items).unwrap_or(usize::MAX), "item")),
        Output::Proof(proof) => format!("{proof}, "),
        Output::Users { list } => {
            let (users, items) = (list.len(), list.iter().map(|(_, proof)| proof.found).sum::<u64>());
            format!("{} with {}, ", counted(users, "user"), counted(usize::try_from(items).unwrap_or(usize::MAX), "item"))
        }
        Output::Rejects { count, .. } => format!("{} rejected, ", counted(usize::try_from(*count).unwrap_or(usize::MAX), "item")),
    }
}

fn as_json(event: &Event<'_>) -> Value {
    let id = |step: &&Step| step.id.clone();
    match event {
        Event::Started { step, number, total, attempt } => {
            json!({ "event": "started", "step": id(step), "title": step.title, "number": number, "total": total, "attempt": attempt })
        }
        Event::Done { step, adopted, output, took } => {
            json!({ "event": "done", "step": id(step), "adopted": adopted, "output": output, "seconds": took.as_secs_f64() })
        }
        Event::Failed { step, error } => json!({ "event": "failed", "step": id(step), "error": error }),
        Event::Rewound { to, why } => json!({ "event": "rewound", "to": to, "why": why }),
        Event::Said(text) => json!({ "event": "said", "text": text }),
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

    #[test]
    fn ways_on_stand_beside_or_below_each_other() {
        let way = |command: &str, meaning: &str| Next { command: command.into(), meaning: meaning.into() };
        let two = [way("backout resume", "go on"), way("backout abort", "give it up")];
        assert_eq!(ways(&two), "  next:  backout resume  go on\n         backout abort   give it up\n");
        let long = [way("backout resume", &"on ".repeat(30)), way("backout abort", "give it up")];
        assert_eq!(ways(&long).lines().count(), 4);
        assert_eq!(ways(&[]), "");
    }
}
