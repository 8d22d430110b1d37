//! Whose a process is: a name says little. A container has its own `mariadbd`, and `redis-server`
//! may run as `redis-server@2.service`, too.

use serde::Serialize;

use super::processes::Process;

/// Units that playbooks start servers in, without clients, begin with this.
const OWN_PREFIX: &str = "backout-";

/// Units of a standby and its feed begin with these: what runs there is not the service.
const STANDBY_PREFIXES: [&str; 2] = ["backout-standby-", "backout-feed-"];

/// The unit of a standby, or of its feed, that a process runs in.
pub fn standby_unit(process: &Process) -> Option<&str> {
    let mut parts = process.cgroup.split(['/', '\n']);
    parts.find(|part| STANDBY_PREFIXES.iter().any(|prefix| part.starts_with(prefix)))
}

/// Whose a process is that has the name of one of the service's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whose {
    /// The service's, or nothing tells it from the service.
    Service,
    /// It runs in none of the service's units, and in no other one.
    Unclear,
    /// It is another one's: a unit, or a container.
    Other(String),
}

/// What tells the processes of a service from others of the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// systemd units of the service; without any, the name alone decides.
    units: Vec<String>,
    /// Units in which it runs without clients.
    maintenance: Vec<String>,
}

impl Identity {
    /// By these units. `commands`: the texts of the commands that start and stop the server without
    /// clients; the units that they name are the service's, too.
    pub fn new(units: &[String], commands: impl IntoIterator<Item = String>) -> Self {
        let maintenance = commands.into_iter().flat_map(|text| units_in(&text)).collect();
        Self { units: units.to_vec(), maintenance }
    }

    /// Whose this process is.
    pub fn whose(&self, process: &Process) -> Whose {
        if let Some(unit) = standby_unit(process) {
            return Whose::Other(unit.to_owned());
        }
        if self.units.is_empty() {
            return Whose::Service;
        }
        let parts = || process.cgroup.split(['/', '\n']);
        let ours = |part: &str| {
            self.units.iter().chain(&self.maintenance).any(|unit| unit == part)
                || part.starts_with(OWN_PREFIX)
        };
        if parts().any(ours) {
            return Whose::Service;
        }
        if process.container || parts().any(is_container) {
            return Whose::Other(format!("a container ({})", process.cgroup.trim()));
        }
        let service =
            parts().rfind(|part| part.ends_with(".service") && !part.starts_with("user@"));
        match service {
            Some(unit) => Whose::Other(unit.to_owned()),
            None => Whose::Unclear,
        }
    }

    /// Whether it must be gone when the service is stopped.
    pub fn counts(&self, process: &Process) -> bool {
        !matches!(self.whose(process), Whose::Other(_))
    }
}

/// Control groups of container engines (Docker, Podman, containerd, CRI-O, LXC, systemd-nspawn).
fn is_container(part: &str) -> bool {
    let begins = ["docker-", "libpod-", "cri-containerd-", "crio-", "lxc.payload", "kubepods"];
    begins.iter().any(|begin| part.starts_with(begin))
        || matches!(part, "machine.slice" | "docker" | "lxc")
}

/// The units that a command names: `--unit=NAME`, `NAME.service`.
fn units_in(command: &str) -> Vec<String> {
    let named = |word: &str| {
        let word = word.trim_matches(['\'', '"']);
        let unit = word.strip_prefix("--unit=").unwrap_or(word);
        if unit.ends_with(".service") && !unit.contains('/') {
            Some(unit.to_owned())
        } else if unit.len() < word.len() {
            Some(format!("{unit}.service"))
        } else {
            None
        }
    };
    command.split_whitespace().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(units: &[&str], cgroup: &str, container: bool) -> Whose {
        let units: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
        let commands = ["systemd-run --unit=tally-local tallyd", "systemctl stop tally-x.service"];
        let process = Process {
            pid: 7,
            comm: "mariadbd".into(),
            cmdline: String::new(),
            since: None,
            uses: None,
            cgroup: cgroup.into(),
            container,
        };
        Identity::new(&units, commands.map(str::to_owned)).whose(&process)
    }

    #[test]
    fn s5_a_process_is_known_by_its_unit_and_not_by_its_name() {
        let unit = ["redis-server.service"];
        let slice = "0::/system.slice/system-redis.slice/";
        assert_eq!(whose(&unit, "0::/system.slice/redis-server.service", false), Whose::Service);
        let other = Whose::Other("redis-server@2.service".into());
        assert_eq!(whose(&unit, &format!("{slice}redis-server@2.service"), false), other);
        // The other way round.
        let instance = ["redis-server@2.service"];
        let other = Whose::Other("redis-server.service".into());
        assert_eq!(whose(&instance, "0::/system.slice/redis-server.service", false), other);
        for own in ["backout-redis.service", "tally-local.service", "tally-x.service"] {
            assert_eq!(whose(&unit, &format!("0::/system.slice/{own}"), false), Whose::Service);
        }
        for standby in ["backout-standby-tally.service", "backout-feed-tally.service"] {
            for units in [&unit[..], &[]] {
                let found = whose(units, &format!("0::/system.slice/{standby}"), false);
                assert_eq!(found, Whose::Other(standby.into()));
            }
        }
        let serves = "0::/system.slice/backout-serve-tally.service";
        assert_eq!(whose(&unit, serves, false), Whose::Service);
        for container in [
            "0::/system.slice/docker-0123.scope",
            "0::/machine.slice/machine-db.scope/payload/system.slice/mariadb.service",
            "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope",
            "0::/lxc.payload.db/system.slice/mariadb.service",
        ] {
            let found = whose(&unit, container, false);
            assert!(
                matches!(&found, Whose::Other(it) if it.starts_with("a container")),
                "{found:?}"
            );
        }
        // Its process ids are its own, and the control group says nothing.
        assert!(matches!(whose(&unit, "0::/", true), Whose::Other(_)));
        // A unit may have process ids of its own.
        assert_eq!(whose(&unit, "0::/system.slice/redis-server.service", true), Whose::Service);
        // Started by hand.
        let session = "0::/user.slice/user-0.slice/session-3.scope";
        assert_eq!(whose(&unit, session, false), Whose::Unclear);
        let user = "0::/user.slice/user-0.slice/user@0.service/app.slice/run-7.scope";
        assert_eq!(whose(&unit, user, false), Whose::Unclear);
        // Version 1 of control groups has a line for each controller.
        let lines = "2:cpu:/system.slice/redis-server.service\n1:name=systemd:/x\n0::/";
        assert_eq!(whose(&unit, lines, false), Whose::Service);
        assert_eq!(whose(&[], "0::/system.slice/other.service", true), Whose::Service);
    }
}
