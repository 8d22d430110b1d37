//! APT: whether it knows a release, and whether it would move to it by itself.

use crate::product::script::become_script;
use crate::product::stream::{HelperError, Streams};

/// The script that makes a release known.
const SOURCE: &str = include_str!("../../playbooks/lib/apt-source.sh");

/// Becomes the script that makes a release known.
pub(super) fn source(arguments: &[String], _streams: &mut Streams<'_>) -> Result<(), HelperError> {
    become_script("apt-source", SOURCE, arguments)
}

/// Reads what `apt-cache policy` prints, and says what is wrong with a release: `--known`: no
/// source has it; `--stays`: the host would move to it by itself. Prints nothing if all is well.
pub(super) fn release(arguments: &[String], streams: &mut Streams<'_>) -> Result<(), HelperError> {
    let [what, release] = arguments else {
        return Err(HelperError::usage("apt-release --known|--stays RELEASE"));
    };
    let mut text = String::new();
    streams.input.read_to_string(&mut text).map_err(HelperError::Input)?;
    let sources = sources(&text);
    let fault = match what.as_str() {
        "--known" => unknown(&sources, release),
        "--stays" => moves(&sources, release),
        _ => return Err(HelperError::usage("apt-release --known|--stays RELEASE")),
    };
    if let Some(fault) = fault {
        writeln!(streams.output, "{fault}").map_err(HelperError::Output)?;
    }
    Ok(())
}

/// A source of packages, as `apt-cache policy` lists it.
struct Source<'t> {
    priority: i32,
    place: &'t str,
    /// Archive, codename and version of its release.
    names: Vec<&'t str>,
}

/// The lines ` 500 PLACE`, each with the line `release FIELD=VALUE,...` behind it.
fn sources(text: &str) -> Vec<Source<'_>> {
    let mut found: Vec<Source<'_>> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(fields) = line.strip_prefix("release ") {
            let named = |field: &'_ str| ["a=", "n=", "v="].iter().any(|it| field.starts_with(it));
            if let Some(source) = found.last_mut() {
                source.names =
                    fields.split(',').filter(|it| named(it)).map(|it| &it[2..]).collect();
            }
        } else if let Some((priority, place)) = line.split_once(' ')
            && let Ok(priority) = priority.parse()
        {
            found.push(Source { priority, place, names: Vec::new() });
        }
    }
    found
}

fn unknown(sources: &[Source<'_>], release: &str) -> Option<String> {
    let known = sources.iter().any(|source| source.names.contains(&release));
    (!known).then(|| format!("no source of APT has the release {release}"))
}

/// At the usual priority, 500, an `apt upgrade` takes the highest version of all sources, unless
/// others are preferred.
fn moves(sources: &[Source<'_>], release: &str) -> Option<String> {
    let of = |wanted: bool| {
        sources.iter().filter(move |source| source.names.contains(&release) == wanted)
    };
    let source = of(true).max_by_key(|source| source.priority)?;
    let highest = of(false).map(|source| source.priority).max().unwrap_or_default();
    (source.priority >= 500.max(highest)).then(|| {
        let (place, priority) = (source.place, source.priority);
        format!("APT would upgrade to {release} by itself: {place} has the priority {priority}")
    })
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own programs, and runs them")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;

    use super::SOURCE;
    use crate::product::tests::on;

    fn policy(priority: i32, other: i32) -> String {
        format!(
            "Package files:\n 100 /var/lib/dpkg/status\n     release a=now\n \
             {other} http://mirror.example/debian bookworm/main amd64 Packages\n     \
             release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64\n     \
             origin mirror.example\n \
             {priority} http://mirror.example/debian trixie/main amd64 Packages\n     \
             release v=13.1,o=Debian,a=stable,n=trixie,l=Debian,c=main,b=amd64\nPinned packages:\n"
        )
    }

    #[test]
    fn a_release_that_no_source_has_and_one_that_takes_the_host_along() {
        let said = |what: &str, release: &str, text: &str| {
            let printed = on("apt-release", &[what, release], text.as_bytes()).expect("runs");
            String::from_utf8(printed).expect("text")
        };
        assert_eq!(said("--known", "trixie", &policy(100, 500)), "");
        assert_eq!(said("--known", "stable", &policy(100, 500)), "");
        assert_eq!(
            said("--known", "sid", &policy(100, 500)),
            "no source of APT has the release sid\n"
        );
        assert_eq!(said("--stays", "trixie", &policy(100, 500)), "");
        assert_eq!(said("--stays", "trixie", &policy(500, 990)), "");
        assert_eq!(said("--stays", "sid", &policy(500, 500)), "");
        assert_eq!(
            said("--stays", "trixie", &policy(500, 500)),
            "APT would upgrade to trixie by itself: http://mirror.example/debian trixie/main \
             amd64 Packages has the priority 500\n"
        );
        on("apt-release", &["--other", "x"], b"").expect_err("usage");
    }

    /// Runs the script among a false APT: its exit status, and the file.
    fn script(works: bool, there: bool) -> (Option<i32>, Option<String>) {
        let world = tempfile::tempdir().expect("temp dir");
        let apt = format!(
            "#!/bin/sh\ncase $1 in indextargets) cat \"$WORLD/targets\" ;; update) {works} ;; esac\n"
        );
        let path = world.path().join("apt-get");
        fs::write(&path, apt).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        let targets = "Debian http://a/debian bookworm main\nDebian http://a/debian bookworm contrib\n\
            Debian http://a/debian bookworm-updates main\nDebian http://a/security bookworm-security \
            main\nDebian http://a/debian bookworm-backports main\nDocker http://d bookworm stable\n";
        fs::write(world.path().join("targets"), targets).expect("written");
        fs::write(world.path().join("os"), "ID=none\nVERSION_CODENAME=bookworm\n")
            .expect("written");
        let file = world.path().join("backout-trixie.list");
        if there {
            fs::write(&file, "own").expect("written");
        }
        let status = Command::new("sh")
            .args(["-c", SOURCE, "apt-source", "trixie"])
            .env("PATH", format!("{}:/usr/bin:/bin", world.path().display()))
            .envs([("WORLD", world.path()), ("APT_SOURCES", world.path())])
            .env("OS_RELEASE", world.path().join("os"))
            .output()
            .expect("runs")
            .status;
        let left = |name: &str| Path::new(name).extension().is_some_and(|it| it == "new");
        let names = fs::read_dir(world.path()).expect("there");
        assert!(
            !names.map(|it| it.expect("entry").file_name()).any(|it| left(&it.to_string_lossy()))
        );
        (status.code(), fs::read_to_string(&file).ok())
    }

    #[test]
    fn a_source_for_each_archive_of_the_distribution_and_none_if_it_cannot_be_read() {
        let all = "deb http://a/debian trixie contrib\ndeb http://a/debian trixie main\n\
            deb http://a/debian trixie-updates main\ndeb http://a/security trixie-security main\n";
        assert_eq!(script(true, false), (Some(0), Some(all.to_owned())));
        assert_eq!(script(false, false), (Some(1), None));
        assert_eq!(script(true, true), (Some(1), Some("own".to_owned())), "it is not ours");
    }
}
