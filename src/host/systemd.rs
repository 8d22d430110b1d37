//! What systemd says about a unit (`systemctl(1)`, `show`).

use std::time::Duration;

use serde::Serialize;

use super::exec::Command;

/// Limit for an answer.
const LIMIT: Duration = Duration::from_secs(120);

/// Whether the platform may have systemd.
pub const IS_OF_PLATFORM: bool = cfg!(target_os = "linux");

/// Whether systemd runs this host.
pub fn is_running() -> bool {
    std::path::Path::new("/run/systemd/system").is_dir()
}

/// Kills all processes of a unit, those that it starts meanwhile, too.
pub fn kill(unit: &str) -> Command {
    Command::new(["systemctl", "kill", "--signal=KILL", "--", unit]).timeout(LIMIT)
}

/// A unit's state, in systemd's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UnitState {
    /// `loaded`, `not-found`, `masked`, ...
    pub load: String,
    /// `active`, `inactive`, `failed`, ...
    pub active: String,
    /// `running`, `exited`, `stop-sigterm`, ...
    pub sub: String,
    /// `enabled`, `disabled`, `masked`, `masked-runtime`, ...
    pub file: String,
    /// The number of the signal that asks it to stop.
    pub kill_signal: String,
    /// The file that it was read from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fragment: String,
    /// The units that start it, such as a socket.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub triggered_by: Vec<String>,
}

impl UnitState {
    /// The command that prints it. It exits with 0 for every unit, known or not.
    pub fn command(unit: &str) -> Command {
        let properties = "--property=LoadState,ActiveState,SubState,UnitFileState,KillSignal,FragmentPath,TriggeredBy";
        Command::new(["systemctl", "show", "--no-pager", properties, "--", unit]).timeout(LIMIT)
    }

    /// Parses its output. A missing property becomes an empty word.
    pub fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            found.unwrap_or_default().to_owned()
        };
        Self {
            load: value("LoadState"),
            active: value("ActiveState"),
            sub: value("SubState"),
            file: value("UnitFileState"),
            kill_signal: value("KillSignal"),
            fragment: value("FragmentPath"),
            triggered_by: value("TriggeredBy").split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// Whether it is running, starting or stopping.
    pub fn is_up(&self) -> bool {
        !matches!(self.active.as_str(), "inactive" | "failed")
    }

    /// Whether there is such a unit.
    pub fn is_known(&self) -> bool {
        self.load != "not-found"
    }

    /// Whether it cannot be started.
    pub fn is_masked(&self) -> bool {
        self.load == "masked"
    }

    /// Whether `systemctl mask` refuses, because its own file is where the mask would be.
    pub fn prevents_mask(&self, unit: &str) -> bool {
        std::path::Path::new(&self.fragment)
            == std::path::Path::new("/etc/systemd/system").join(unit)
    }

    /// Whether it is stopping, and its main process still exists. A second signal other than
    /// SIGTERM often means "at once".
    pub fn is_asked_to_stop(&self) -> bool {
        self.sub == "stop-sigterm" && self.kill_signal == "15"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        let text = "LoadState=loaded\nActiveState=deactivating\nSubState=stop-sigterm\nUnitFileState=enabled\nKillSignal=15\n";
        let state = UnitState::parse(text);
        assert!(state.is_up() && state.is_asked_to_stop() && !state.is_masked());
        assert_eq!(state.file, "enabled");
        assert!(!UnitState::parse(&text.replace("=15", "=3")).is_asked_to_stop());
        let text = "FragmentPath=/etc/systemd/system/db.service\nTriggeredBy=db.socket x.path\n";
        let state = UnitState::parse(text);
        assert_eq!(state.triggered_by, ["db.socket", "x.path"]);
        assert!(state.prevents_mask("db.service") && !state.prevents_mask("db@2.service"));
        assert!(!UnitState::parse("ActiveState=failed\n").is_up());
        assert!(UnitState::parse("LoadState=masked\n").is_masked());
    }
}
