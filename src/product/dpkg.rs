//! Debian's packages: repairs them after a run of apt or dpkg that was interrupted, and rehearses
//! the installation of saved ones.

use crate::product::script::become_script;
use crate::product::stream::{HelperError, Streams};

/// The scripts, kept where they can be read, checked and run by themselves.
const SCRIPT: &str = include_str!("../../playbooks/lib/dpkg-repair.sh");
const REHEARSAL: &str = include_str!("../../playbooks/lib/dpkg-rehearse.sh");

/// Becomes the script that repairs, with its arguments.
pub(super) fn repair(arguments: &[String], _streams: &mut Streams<'_>) -> Result<(), HelperError> {
    become_script("dpkg-repair", SCRIPT, arguments)
}

/// Becomes the script that rehearses, with its arguments.
pub(super) fn rehearse(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    become_script("dpkg-rehearse", REHEARSAL, arguments)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own programs, and runs them")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;

    use super::{REHEARSAL, SCRIPT};

    /// Fake programs. Each call is recorded. A download creates a file, unless the release lacks
    /// the package. `dpkg --configure` fails if a file of that name exists.
    const NOTE: &str = "#!/bin/sh\nprintf '%s\\n' \"${0##*/} $*\" | head -n 1 >>\"$CALLS\"\n";
    const PROGRAMS: [(&str, &str); 3] = [
        ("dpkg-query", "cat \"$WORLD/half\""),
        (
            "apt-get",
            "[ \"$1\" = download ] || exit 0\nfor last; do :; done\n\
             case $*:$last in *--target-release*:gone|*:lost=*) exit 100 ;; esac\ntouch \"$last.deb\"",
        ),
        (
            "dpkg",
            "case $1 in --configure) [ ! -e \"$WORLD/unconfigured\" ] ;; --unpack) [ ! -e \
                \"$WORLD/damaged\" ] ;; esac",
        ),
    ];

    /// Runs the script in that world: its exit status, and the calls that it made.
    fn calls(half: &str, marks: &[&str], arguments: &[&str]) -> (Option<i32>, Vec<String>) {
        let world = tempfile::tempdir().expect("temp dir");
        for (name, text) in PROGRAMS {
            let path = world.path().join(name);
            fs::write(&path, format!("{NOTE}{text}\n")).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        }
        fs::write(world.path().join("half"), half).expect("written");
        for mark in marks {
            fs::write(world.path().join(mark), "").expect("written");
        }
        let calls = world.path().join("calls");
        let status = Command::new("sh")
            .args(["-c", SCRIPT, "dpkg-repair"])
            .args(arguments)
            .env("PATH", format!("{}:/usr/bin:/bin", world.path().display()))
            .env("WORLD", world.path())
            .env("CALLS", &calls)
            .env("TMPDIR", world.path())
            .status()
            .expect("runs");
        let text = fs::read_to_string(&calls).unwrap_or_default();
        let left = fs::read_dir(world.path())
            .expect("there")
            .filter(|entry| entry.as_ref().expect("entry").path().is_dir());
        assert_eq!(left.count(), 0, "the folder for downloads is removed");
        (
            status.code(),
            text.lines()
                .filter(|call| !call.starts_with("dpkg-query"))
                .map(str::to_owned)
                .collect(),
        )
    }

    #[test]
    fn up_what_was_being_unpacked_is_unpacked_again_and_all_is_configured() {
        let half = "ok a=1.0\nreinstreq libssl3:amd64=3.5\nreinstreq gone=2.0\n";
        let (status, calls) = calls(half, &[], &["--release", "trixie"]);
        assert_eq!(status, Some(0));
        assert_eq!(
            calls,
            [
                "apt-get download --target-release=trixie libssl3:amd64",
                "apt-get download --target-release=trixie gone",
                "apt-get download gone=2.0",
                "dpkg --unpack --force-confold ./gone=2.0.deb ./libssl3:amd64.deb",
                "dpkg --configure -a --force-confold",
            ]
        );
    }

    #[test]
    fn up_what_cannot_be_configured_gets_what_it_depends_on() {
        let (status, calls) = calls("ok a=1.0\n", &["unconfigured"], &["--release", "trixie"]);
        assert_eq!(status, Some(0));
        assert_eq!(
            calls,
            [
                "dpkg --configure -a --force-confold",
                "apt-get install --yes --fix-broken --no-remove --target-release=trixie -o \
                    Dpkg::Options::=--force-confold",
            ]
        );
    }

    #[test]
    fn s1_back_the_old_packages_are_unpacked_before_anything_is_configured() {
        let half = "reinstreq lost=2.0\n";
        let (status, calls) = calls(half, &["unconfigured"], &["/saved/a b.deb", "/saved/c.deb"]);
        assert_eq!(status, Some(0));
        assert_eq!(
            calls,
            [
                "dpkg --unpack --force-confold /saved/a b.deb /saved/c.deb",
                "apt-get download lost=2.0",
                "apt-get download lost",
                "dpkg --unpack --force-confold ./lost.deb",
                "dpkg --configure -a --force-confold",
                "apt-get install --yes --fix-broken --no-remove -o Dpkg::Options::=--force-confold",
            ]
        );
    }

    #[test]
    fn s1_back_nothing_is_configured_where_the_old_packages_cannot_be_unpacked() {
        let (status, calls) = calls("", &["damaged"], &["/saved/a.deb"]);
        assert_eq!((status, calls.len()), (Some(1), 1), "{calls:?}");
    }

    #[test]
    fn without_arguments_it_does_nothing() {
        assert_eq!(calls("", &[], &[]), (Some(2), Vec::new()));
        assert_eq!(calls("", &[], &["--release"]), (Some(2), Vec::new()));
    }

    /// What the rehearsal prints, where apt prints this and ends so, and these packages are held.
    fn rehearsed(apt: &str, status: u8, held: &str) -> String {
        let world = tempfile::tempdir().expect("temp dir");
        let programs = [
            ("apt-mark", "cat \"$WORLD/held\"".to_owned()),
            ("dpkg-deb", "basename \"$2\" .deb | cut -d _ -f 1".to_owned()),
            (
                "apt-get",
                format!("echo \"$*\" >\"$WORLD/asked\"; cat \"$WORLD/apt\"; exit {status}"),
            ),
        ];
        for (name, text) in programs {
            let path = world.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        }
        fs::write(world.path().join("apt"), apt).expect("written");
        fs::write(world.path().join("held"), held).expect("written");
        let output = Command::new("sh")
            .args(["-c", REHEARSAL, "dpkg-rehearse", "(lib|mariadb|galera).*"])
            .args(["/saved/mariadb-server_1.deb", "/saved/libmariadb3_1.deb"])
            .env("PATH", format!("{}:/usr/bin:/bin", world.path().display()))
            .env("WORLD", world.path())
            .output()
            .expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let asked = fs::read_to_string(world.path().join("asked")).expect("asked");
        assert!(asked.starts_with("install --simulate --yes "), "{asked}");
        assert!(asked.ends_with("/saved/mariadb-server_1.deb /saved/libmariadb3_1.deb\n"));
        String::from_utf8(output.stdout).expect("text")
    }

    #[test]
    fn a_downgrade_of_packages_is_rehearsed() {
        let through = "Inst mariadb-server [11.8] (10.11 local-deb [amd64])\n\
                       Remv mariadb-plugin-provider-lz4 [11.8]\nConf mariadb-server (10.11)\n";
        assert_eq!(rehearsed(through, 0, "vim\n"), "");
        assert_eq!(
            rehearsed(&format!("{through}Remv wordpress [6.1]\n"), 0, ""),
            "wordpress would be removed\n"
        );
        assert_eq!(
            rehearsed(through, 0, "vim\nlibmariadb3:amd64\nmariadb-server\n"),
            "mariadb-server is held: apt-mark unhold mariadb-server\n\
             libmariadb3 is held: apt-mark unhold libmariadb3\n"
        );
        let refused = "Reading package lists...\nThe following packages have unmet dependencies:\n \
                       mariadb-server : Depends: libssl3 (>= 3.0) but it is not installable\n\
                       E: Unable to correct problems, you have held broken packages.\n";
        assert_eq!(
            rehearsed(refused, 100, ""),
            " mariadb-server : Depends: libssl3 (>= 3.0) but it is not installable\n\
             E: Unable to correct problems, you have held broken packages.\n"
        );
        // An error that has no such lines is an error, too.
        assert_eq!(rehearsed("what is\nwrong\n", 100, ""), "apt-get fails: wrong\n");
    }

    #[test]
    fn the_script_is_one_for_every_posix_shell() {
        for name in ["dpkg-repair.sh", "dpkg-rehearse.sh", "start-unit.sh", "stop-unit.sh"] {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/lib").join(name);
            assert!(Command::new("sh").arg("-n").arg(&script).status().expect("runs").success());
            // Where it is installed: the quick checks of the VM tests run it on every script.
            if let Ok(output) = Command::new("shellcheck").arg(&script).output() {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            }
        }
    }
}
