//! Repairs packages after a run of apt or dpkg that was interrupted.

use std::os::unix::process::CommandExt as _;

use crate::product::stream::{HelperError, Streams};

/// The script, kept where it can be read, checked and run by itself.
const SCRIPT: &str = include_str!("../../playbooks/lib/dpkg-repair.sh");

/// Becomes the script, with its arguments.
#[expect(
    clippy::disallowed_methods,
    reason = "this process becomes the script: nothing is started that could be left behind"
)]
pub(super) fn repair(arguments: &[String], _streams: &mut Streams<'_>) -> Result<(), HelperError> {
    let error =
        std::process::Command::new("sh").args(["-c", SCRIPT, "dpkg-repair"]).args(arguments).exec();
    Err(HelperError::Failed(format!("cannot start sh: {error}")))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own programs, and runs them")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;

    use super::SCRIPT;

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

    #[test]
    fn the_script_is_one_for_every_posix_shell() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/lib/dpkg-repair.sh");
        assert!(Command::new("sh").arg("-n").arg(&script).status().expect("runs").success());
        // Where it is installed: the quick checks of the VM tests run it on every script.
        if let Ok(output) = Command::new("shellcheck").arg(&script).output() {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}
