//! After a kept downgrade that compared only what was written since the snapshot, everything is
//! compared by itself: `backout prove` runs in a unit of its own, with low priority, and outlives
//! the terminal.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{ProcedureInputs, Settings, prove};
use crate::host::exec::{Command, Interrupt, Runner};
use crate::host::systemd;
use crate::playbook::site::FullProofChoice;
use crate::step::State;
use crate::zfs::EngineName;

/// How long is waited until the unit has looked at the datasets.
const BEGINS_WITHIN: Duration = Duration::from_secs(20);

/// Whether the full proof began, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FullProofStart {
    /// It runs in this unit.
    Began(String),
    /// A person must begin it, and why.
    ByHand(String),
}

/// Begins it, if it is wanted and everything is to be compared. `None`: there is nothing to compare.
pub fn begin(settings: &Settings, state: &State, wanted: bool) -> Option<FullProofStart> {
    if !state.awaits_full_proof() || state.full_proof.is_some() {
        return None;
    }
    let later = || {
        let inputs = ProcedureInputs::of_change(settings, state).ok();
        inputs.is_some_and(|inputs| inputs.place().full_proof == FullProofChoice::Later)
    };
    if !wanted || later() {
        return Some(FullProofStart::ByHand("as you asked".into()));
    }
    if !systemd::is_running() {
        return Some(FullProofStart::ByHand("systemd does not run here".into()));
    }
    let begun = std::env::current_exe().map_err(anyhow::Error::from).and_then(|program| {
        let (unit, command) = unit(settings, &state.manifest.change, &program);
        Runner::new(None, None, Interrupt::default()).run(&command)?;
        // A commit that is typed next waits for it.
        let begin = Instant::now();
        while begin.elapsed() < BEGINS_WITHIN && prove::under_way(settings, state).is_none() {
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(unit)
    });
    Some(match begun {
        Ok(unit) => FullProofStart::Began(unit),
        Err(error) => FullProofStart::ByHand(format!("it could not be started: {error:#}")),
    })
}

/// The unit, and the command that starts it.
fn unit(settings: &Settings, change: &str, program: &Path) -> (String, Command) {
    let unit = format!("backout-prove-{change}.service");
    let text = |path: &Path| path.display().to_string();
    let mut words = vec![
        "systemd-run".to_owned(),
        format!("--unit={unit}"),
        "--collect".into(),
        "--quiet".into(),
        format!("--description=backout prove, of {change}"),
    ];
    // The servers on the clones have the same, by their playbook.
    for property in ["Nice=10", "CPUWeight=20", "IOWeight=20"] {
        words.push(format!("--property={property}"));
    }
    words.extend(["--".into(), text(program), "--change".into(), change.to_owned()]);
    words.extend(["--state".into(), text(&settings.state)]);
    words.extend(["--site".into(), text(&settings.site)]);
    words.extend(["--host".into(), settings.host.clone()]);
    for folder in &settings.playbooks {
        words.extend(["--playbooks".into(), text(folder)]);
    }
    if let Some(folder) = &settings.run_dir {
        words.extend(["--run-dir".into(), text(folder)]);
    }
    if let Some(engine) = settings.engine {
        let name = if engine == EngineName::Cli { "cli" } else { "lzc" };
        words.extend(["--engine".into(), name.into()]);
    }
    words.push("prove".into());
    (unit, Command::new(words).timeout(Duration::from_secs(60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_has_low_priority_and_works_on_this_change() {
        let settings = Settings {
            site: "/etc/backout/site.toml".into(),
            playbooks: vec!["/srv/playbooks".into()],
            state: "/var/lib/backout".into(),
            change: None,
            host: "db1".into(),
            run_dir: Some("/run/x".into()),
            engine: Some(EngineName::Cli),
            now: chrono::DateTime::UNIX_EPOCH.into(),
        };
        let (name, command) = unit(&settings, "db-1", "/usr/bin/backout".as_ref());
        assert_eq!(name, "backout-prove-db-1.service");
        let said = command.to_string();
        for part in [
            "--property=Nice=10 ",
            "--property=IOWeight=20 ",
            " /usr/bin/backout --change db-1 --state /var/lib/backout ",
            " --host db1 --playbooks /srv/playbooks --run-dir /run/x --engine cli prove",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
