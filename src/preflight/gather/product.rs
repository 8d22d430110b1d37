//! The product's own answers: units, versions, requirements, programs, installers.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use regex::Regex;
use sha2::{Digest, Sha256};

use crate::host::exec::Command;
use crate::playbook::Way;
use crate::playbook::model::{self, CommandSpec, Question, Requirement, Strategy};
use crate::preflight::Occasion;
use crate::preflight::facts::{
    Asked, Installers, Learnt, Program, QuestionFact, RequirementFact, SavedFile, Uncapturable, Unit, UnitState, Versions,
};

use super::{Sources, ask, output};

/// A name with its variables filled in, or as it stands when that fails.
pub(super) fn fill(sources: &Sources<'_>, text: &str) -> String {
    (sources.text)(text).unwrap_or_else(|_| text.to_owned())
}

pub(super) fn units(sources: &Sources<'_>) -> Vec<Unit> {
    sources.playbook.service.units.iter().map(|name| unit(sources, &fill(sources, name))).collect()
}

fn unit(sources: &Sources<'_>, name: &str) -> Unit {
    let state =
        ask(sources, &["systemctl", "show", "--no-pager", "--property=LoadState,ActiveState,UnitFileState", "--", name]).map(|text| {
            let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or_default().to_owned();
            UnitState { load: value("LoadState"), active: value("ActiveState"), file: value("UnitFileState") }
        });
    Unit { name: name.to_owned(), state }
}

/// What a command prints, or the first group of a pattern in it.
fn answer(sources: &Sources<'_>, spec: &CommandSpec, pattern: Option<&str>) -> Learnt<String> {
    let command = (sources.command)(spec)?;
    let text = output(sources, &command)?;
    let text = text.trim();
    let Some(pattern) = pattern else { return Ok(text.to_owned()) };
    let regex = Regex::new(pattern).map_err(|error| error.to_string())?;
    let group = regex.captures(text).and_then(|captures| captures.get(1));
    group.map(|group| group.as_str().to_owned()).ok_or_else(|| {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        format!("`{command}` printed no match for /{pattern}/ but: {first}")
    })
}

pub(super) fn versions(sources: &Sources<'_>) -> Versions {
    let playbook = sources.playbook;
    let installed = answer(sources, &playbook.version.command, Some(&playbook.version.pattern));
    let wanted = sources.site.upgrade_to.clone();
    let before = !sources.occasion.is_downgrade();
    let upgrade = &playbook.upgrade;
    let candidate = upgrade.candidate.as_ref().filter(|_| before).map(|spec| answer(sources, spec, upgrade.candidate_pattern.as_deref()));
    let way = match (&installed, &candidate) {
        (Ok(installed), Some(Ok(candidate))) if before => Ok((installed.clone(), candidate.clone())),
        (Ok(installed), _) if before => Ok((installed.clone(), wanted.clone())),
        (Ok(installed), _) => {
            sources.previous.clone().map(|previous| (previous, installed.clone())).ok_or("the previous version is not known".to_owned())
        }
        (Err(why), _) => Err(why.clone()),
    };
    let rule = way.and_then(|(from, to)| (sources.rule)(&from, &to));
    Versions { installed, candidate, wanted, previous: sources.previous.clone(), rule }
}

/// As playbooks call it.
fn occasion(sources: &Sources<'_>) -> model::Occasion {
    if sources.occasion.is_downgrade() { model::Occasion::Downgrade } else { model::Occasion::Upgrade }
}

pub(super) fn requirements(sources: &Sources<'_>) -> Vec<RequirementFact> {
    let now = occasion(sources);
    let strategy = sources.site.strategy;
    let due = |it: &&Requirement| it.before.contains(&now) && it.strategies.contains(&strategy);
    let asked = sources.playbook.requirements.iter().filter(due);
    asked
        .map(|requirement| requirement_fact(requirement, (sources.command)(&requirement.command), &|command| output(sources, command)))
        .collect()
}

/// Whether a requirement is met: its command, and how that is run.
pub(crate) fn requirement_fact(
    requirement: &Requirement,
    command: Learnt<Command>,
    run: &dyn Fn(&Command) -> Learnt<String>,
) -> RequirementFact {
    let outcome = command.clone().and_then(|command| {
        let text = run(&command)?;
        let text = text.trim();
        let Some(expect) = &requirement.expect else { return Ok(()) };
        let regex = Regex::new(expect).map_err(|error| error.to_string())?;
        if regex.is_match(text) { Ok(()) } else { Err(format!("answer: {}, expected: /{expect}/", shortened(text))) }
    });
    RequirementFact {
        about: requirement.about.clone(),
        remedy: requirement.remedy.clone(),
        warn: requirement.warn,
        command: command.map(|command| command.to_string()).unwrap_or_default(),
        outcome,
    }
}

/// Enough of an answer to see what is wrong with it.
fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    let start: String = text.chars().take(MOST).collect();
    if start.len() < text.len() { format!("{start:?} and more") } else { format!("{start:?}") }
}

pub(super) fn asked(sources: &Sources<'_>) -> Vec<Asked> {
    if sources.occasion.is_downgrade() {
        // They were asked before the upgrade, and the change has kept them.
        return Vec::new();
    }
    let all = sources.playbook.ask.iter();
    all.map(|(name, ask)| {
        let value = answer(sources, &ask.command, ask.pattern.as_deref());
        let value = value.and_then(|value| if value.is_empty() { Err("the answer is empty".to_owned()) } else { Ok(value) });
        Asked { name: name.clone(), about: ask.about.clone(), value }
    })
    .collect()
}

/// What only a person can answer, before this procedure.
pub(super) fn questions(sources: &Sources<'_>) -> Vec<QuestionFact> {
    let now = occasion(sources);
    let asked = |question: &&Question| question.before.contains(&now);
    sources.playbook.questions.iter().filter(asked).map(question_fact).collect()
}

/// A question that is due.
pub(crate) fn question_fact(it: &Question) -> QuestionFact {
    QuestionFact { name: it.name.clone(), about: it.about.clone(), remedy: it.remedy.clone() }
}

/// Every command of the playbook that the procedures of the occasion run.
fn commands<'a>(sources: &Sources<'a>) -> Vec<(&'static str, &'a CommandSpec)> {
    let playbook = sources.playbook;
    let (service, upgrade, down) = (&playbook.service, &playbook.upgrade, &playbook.downgrade);
    let maintenance = service.maintenance.as_ref();
    let beside = playbook.side_by_side.as_ref().filter(|_| sources.site.strategy == Strategy::SideBySide);
    let mut all = vec![
        ("service.stop", service.stop.as_ref()),
        ("service.start", service.start.as_ref()),
        ("service.ready", service.ready.as_ref()),
        ("service.maintenance.start", maintenance.map(|it| &it.start)),
        ("service.maintenance.stop", maintenance.map(|it| &it.stop)),
        ("service.maintenance.ready", maintenance.and_then(|it| it.ready.as_ref())),
    ];
    if beside.is_none() {
        all.extend([
            ("downgrade.uninstall", down.uninstall.as_ref()),
            ("downgrade.install", Some(&down.install)),
            ("downgrade.repair", down.repair.as_ref()),
        ]);
    }
    match Way::of(playbook, sources.site) {
        Way::Zfs => {
            let restore = playbook.restore.as_ref();
            all.extend([
                ("capture.verify", playbook.capture.as_ref().map(|it| &it.verify)),
                ("restore.command", restore.map(|it| &it.command)),
                ("restore.position", restore.and_then(|it| it.position.as_ref())),
            ]);
            all.extend(playbook.passes().iter().map(|pass| ("capture.pass", pass.command.as_ref())));
        }
        Way::Full => {
            let full = playbook.full.as_ref();
            all.extend([
                ("full.capture", full.map(|it| &it.capture)),
                ("full.verify", full.map(|it| &it.verify)),
                ("full.restore", full.map(|it| &it.restore)),
            ]);
        }
        Way::Packages | Way::Coexistent => {}
    }
    if let Some(beside) = beside.filter(|_| !sources.occasion.is_downgrade()) {
        // What runs from the new installation is not there yet.
        all.extend([
            ("side_by_side.install", Some(&beside.install.command)),
            ("side_by_side.upgrade", beside.upgrade.as_ref().map(|it| &it.command)),
        ]);
    } else if !sources.occasion.is_downgrade() {
        all.extend([
            ("installer.save", playbook.installer.save.as_ref()),
            ("upgrade.command", Some(&upgrade.command)),
            ("upgrade.repair", upgrade.repair.as_ref()),
        ]);
    }
    all.extend(playbook.inventories.iter().map(|inventory| ("inventory", Some(&inventory.command))));
    all.into_iter().filter_map(|(name, spec)| Some((name, spec?))).collect()
}

pub(super) fn programs(sources: &Sources<'_>) -> Vec<Program> {
    let mut programs: Vec<Program> = Vec::new();
    for (name, spec) in commands(sources) {
        let stages = spec.argv.iter().chain(spec.pipe.iter().flatten());
        let fill = |word: &String| (sources.text)(word).map_err(|why| (word.clone(), why));
        let mut words: Vec<Result<String, (String, String)>> = stages.filter_map(|words| words.first()).map(fill).collect();
        if spec.user.is_some() {
            words.push(Ok("runuser".to_owned()));
        }
        for word in words {
            let (program, found) = match word {
                Ok(program) => (program.clone(), Ok(find(&program))),
                Err((word, why)) => (word, Err(why)),
            };
            match programs.iter_mut().find(|known| known.program == program) {
                Some(known) if known.used_by.iter().any(|user| user == name) => {}
                Some(known) => known.used_by.push(name.to_owned()),
                None => programs.push(Program { used_by: vec![name.to_owned()], program, found }),
            }
        }
    }
    programs
}

/// Why the files of secrets cannot be used, each reason once. A name that gets its value later is looked at later.
pub(super) fn secrets(sources: &Sources<'_>) -> Vec<String> {
    let playbook = sources.playbook;
    let asking = playbook.ask.values().map(|ask| &ask.command).chain(playbook.requirements.iter().map(|it| &it.command));
    let all = commands(sources).into_iter().map(|(_, spec)| spec).chain(asking).chain([&playbook.version.command]);
    let mut found = Vec::new();
    for (name, path) in all.chain(playbook.upgrade.candidate.as_ref()).flat_map(|spec| &spec.env_from_file) {
        let Ok(path) = (sources.text)(path) else { continue };
        if path.is_empty() {
            continue;
        }
        if let Err(error) = crate::host::secret::read(name, Path::new(&path)) {
            let why = error.to_string();
            if !found.contains(&why) {
                found.push(why);
            }
        }
    }
    found
}

/// What the capture would take now and could not, each reason once.
pub(super) fn uncapturable(sources: &Sources<'_>) -> Vec<Uncapturable> {
    let passes = sources.playbook.passes().iter().filter(|_| Way::of(sources.playbook, sources.site).is_zfs());
    let mut found = Vec::new();
    for pattern in passes.flat_map(|pass| pass.new_files.iter().chain(&pass.grown_files)) {
        let Ok(pattern) = (sources.pattern)(pattern) else { continue };
        let Err(error) = crate::host::pattern::find(&pattern) else { continue };
        let it = Uncapturable { why: error.to_string(), denied: error.is_denied() };
        if !found.contains(&it) {
            found.push(it);
        }
    }
    found
}

/// As execvp(3) looks for it.
fn find(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| runs(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| runs(path))
}

pub(super) fn installers(sources: &Sources<'_>) -> Installers {
    let installer = &sources.playbook.installer;
    if sources.site.strategy == Strategy::SideBySide {
        // The previous version stays where it is.
        return Installers { at_least: 0, at_hand: None, saved: Vec::new() };
    }
    if let Occasion::Downgrade { .. } = sources.occasion {
        let saved =
            sources.installers.iter().map(|(path, sha256)| SavedFile { path: path.clone(), sha256: sha256.clone(), now: checksum(path) });
        return Installers { at_least: installer.at_least, at_hand: None, saved: saved.collect() };
    }
    // Where a command saves them the step's own check counts; what is at hand already can be looked at now.
    let at_hand = installer.save.is_none().then(|| at_hand(sources));
    Installers { at_least: installer.at_least, at_hand, saved: Vec::new() }
}

fn at_hand(sources: &Sources<'_>) -> Learnt<Vec<PathBuf>> {
    let mut files = Vec::new();
    for pattern in &sources.playbook.installer.files {
        for path in crate::host::pattern::find(&(sources.pattern)(pattern)?).map_err(|error| error.to_string())? {
            if path.is_file() && !files.contains(&path) {
                files.push(path);
            }
        }
    }
    Ok(files)
}

fn checksum(path: &Path) -> Learnt<Option<String>> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut Hasher(&mut hash)).map_err(fail)?;
    Ok(Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

struct Hasher<'a>(&'a mut Sha256);

impl std::io::Write for Hasher<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
