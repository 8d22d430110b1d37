//! What must be so of the service.

use crate::playbook::check::Check;
use crate::playbook::problem::Path;
use crate::playbook::value::template::Template;

impl Check<'_, '_> {
    /// How the service is stopped and started, and by which processes it is known.
    pub(super) fn service(&mut self) {
        let (service, at) = (&self.playbook.service, Path::of(&["service"]));
        match (&service.start, &service.stop) {
            (None, None) if service.units.is_empty() => {
                let remedy = "give `units = [\"NAME.service\"]`, or both `stop` and `start`";
                self.report.missing(
                    &at,
                    "nothing says how the service is stopped and started",
                    remedy,
                );
            }
            (Some(_), None) => self.report.error(
                &at.key("start"),
                "there is a `start` without a `stop`",
                "add `stop`, or use units",
            ),
            (None, Some(_)) => self.report.error(
                &at.key("stop"),
                "there is a `stop` without a `start`",
                "add `start`, or use units",
            ),
            _ => {}
        }
        let processes = at.key("processes");
        if service.processes.is_empty() {
            let remedy = "name the server's processes as `ps -e -o comm` shows them: without them \
                nothing proves that it is stopped";
            self.report.missing(&processes, "`service.processes` is empty", remedy);
        }
        for (i, name) in service.processes.iter().enumerate() {
            if name.trim().is_empty() || name.contains(['{', '/']) {
                let remedy = "write the bare name, as `ps -e -o comm` shows it; names in braces \
                    have no values here";
                self.report.error(
                    &processes.at(i),
                    format!("{name:?} cannot be the name of a process"),
                    remedy,
                );
            }
            if name.len() > 15 {
                let mut end = 15;
                while !name.is_char_boundary(end) {
                    end -= 1;
                }
                let what = format!(
                    "{name:?} is never found: the kernel keeps only 15 bytes of a process's name"
                );
                self.report.error(&processes.at(i), what, format!("write {:?}", &name[..end]));
            }
        }
        self.distinct(&processes, &service.processes);
        let units: Vec<String> = service.units.iter().map(Template::source).collect();
        self.distinct(&at.key("units"), &units);
        let upgraded: Vec<String> = service.units_upgraded.iter().map(Template::source).collect();
        self.distinct(&at.key("units_upgraded"), &upgraded);
        if service.units.is_empty() && !upgraded.is_empty() {
            self.report.error(
                &at.key("units_upgraded"),
                "`units_upgraded` names units, and `units` none",
                "name those of the previous version in `units`",
            );
        }
        if service.stop_within.is_some() && service.units.is_empty() {
            let remedy = "remove it, or write the limit as `timeout` of `stop`";
            self.report.error(
                &at.key("stop_within"),
                "`stop_within` is the limit for units, and there are none",
                remedy,
            );
        }
        let Some(maintenance) = &service.maintenance else { return };
        let own = at.key("maintenance").key("processes");
        for (i, name) in maintenance
            .processes
            .iter()
            .enumerate()
            .filter(|(_, name)| !service.processes.contains(name))
        {
            let what = format!("{name:?} is not one of `service.processes`");
            self.report.error(&own.at(i), what, "name it there, too: after a stop it must be gone");
        }
        if !service.processes.is_empty()
            && service.processes.iter().all(|name| maintenance.processes.contains(name))
        {
            let remedy = "leave out those that serve clients, or leave the field out";
            self.report.error(
                &own,
                "every process runs in maintenance, so none of them tells that the service is open",
                remedy,
            );
        }
    }

    fn distinct(&mut self, at: &Path, names: &[String]) {
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                self.report.error(
                    &at.at(i),
                    format!("{name:?} is there twice"),
                    "remove one of them",
                );
            }
        }
    }
}
