//! The services that a package brings, and what their files say where systemd does not run.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The services among a package's files; a template stands for no server. An init script, and a
/// folder with additions to a unit, are of the unit with that name. `real` follows the links of a
/// path, and gives the name of the file there: another name of a unit is none of its own.
pub(super) fn brought(files: &str, real: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = BTreeSet::new();
    let is_service = |name: &String| name.ends_with(".service");
    for path in files.lines() {
        let mut parts = path.rsplit('/');
        let (name, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let additions = |name: &str| name.strip_suffix(".d").map(str::to_owned).filter(is_service);
        let unit = match folder {
            "system" if name.ends_with(".service") => {
                Some(real(path).unwrap_or_else(|| name.to_owned())).filter(is_service)
            }
            "system" => additions(name),
            "init.d" if path.starts_with("/etc/init.d/") => {
                Some(format!("{}.service", name.trim_end_matches(".sh")))
            }
            _ => additions(folder),
        };
        found.extend(unit.filter(|it| !it.contains('@')));
    }
    found.into_iter().collect()
}

/// What a unit's file says, in the words of `systemctl show`.
pub(super) fn shown(file: &str) -> String {
    let mut text = String::new();
    for line in file.lines() {
        if let Some(command) = line.strip_prefix("ExecStart=") {
            let path = command.trim_start_matches(['-', '@', ':', '+', '!']);
            let path = path.split_whitespace().next().unwrap_or_default();
            let _ = writeln!(text, "ExecStart={{ path={path} ; }}");
        } else if line.starts_with("User=") || line.starts_with("StateDirectory=") {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_unit_files_init_scripts_and_additions() {
        let files = "/etc/init.d\n/etc/init.d/slapd\n/etc/init.d/keymap.sh\n\
                     /usr/lib/systemd/system/b.service\n/usr/lib/systemd/system/t@.service\n\
                     /usr/lib/systemd/system/b-alias.service\n/usr/lib/systemd/system/off.service\n\
                     /usr/lib/systemd/system/slapd.service.d\n\
                     /usr/lib/systemd/system/d.service.d/x.conf\n/usr/lib/systemd/system/x.timer\n\
                     /usr/share/doc/init.d/y\n";
        let real = |path: &str| match path.rsplit('/').next() {
            Some("b-alias.service") => Some("b.service".to_owned()),
            Some("off.service") => Some("null".to_owned()),
            _ => None,
        };
        let all = ["b.service", "d.service", "keymap.service", "slapd.service"];
        assert_eq!(brought(files, real), all);
    }

    #[test]
    fn a_units_file_says_what_it_starts() {
        let file = "[Service]\nType=notify\nUser=mysql\nExecStart=!/usr/sbin/mariadbd $OPTS\n";
        assert_eq!(shown(file), "User=mysql\nExecStart={ path=/usr/sbin/mariadbd ; }\n");
    }
}
