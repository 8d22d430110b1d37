//! From a host without a site file to a check: `init` and `check --fix`. The product is Tally, the
//! example, whose programs are scripts here.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::world::World;

/// A host with Tally 2.6.1, its change log off, and two later versions to be had.
fn host() -> World {
    let world = World::new();
    let example = backout::playbook::built_in::BUILT_IN[0].text;
    let etc = world.path("etc").display().to_string();
    let text = example
        .replace("name = \"generic\"", "name = \"tally\"")
        .replace("Tally (an example to copy)", "Tally")
        .replace("/etc/tally/conf.d", &etc);
    world.write("playbooks/tally/playbook.toml", text);
    for folder in ["playbooks", "playbooks/tally"] {
        world.mode(folder, 0o755);
    }
    fs::create_dir(world.path("etc")).expect("folder");
    let conf = format!("{etc}/90-backout.conf");
    world.program("dpkg-query", "case $* in *tally) printf 'installed 2.6.1' ;; *) exit 1 ;; esac");
    world.program("apt-get", "echo 'Inst tally (3.0.1 Debian)'");
    let tallyctl = format!(
        "case $* in\n*datadir) echo /data/tally ;;\nlist-updates) printf '3.0.1\\n3.1\\n2.0\\n' ;;\n\
         'get changelog') [ -e {conf} ] && [ -e {etc}/restarted ] && echo on || echo off ;;\n\
         *) exit 1 ;;\nesac"
    );
    world.program("tallyctl", &tallyctl);
    world.program("systemctl", &format!("[ \"$1\" != restart ] || : >{etc}/restarted"));
    world
}

#[test]
fn init_finds_a_product_and_asks_where_there_is_a_choice() {
    let mut world = host();
    world
        .types("backout init")
        .types("backout --site new.toml init")
        .types("backout --site new.toml init tally")
        .types("backout --site new.toml --playbooks playbooks init")
        .types(
            "backout --site new.toml --playbooks playbooks init --upgrade-to 3.0 --dataset \
             tank/tally --set port=78 --dry-run",
        )
        .types("backout --site new.toml --playbooks playbooks init --set prot=78 --dry-run")
        .types(
            "backout --site new.toml --playbooks playbooks init --upgrade-to 3.0 --dataset tank/t",
        );
    world.golden("first-use/init");
}

/// The questions, at a terminal: a choice by number, or by its name, after a slip; and the last yes.
#[test]
fn init_is_answered_at_a_terminal() {
    let line = "backout --site new.toml --playbooks playbooks init --dataset tank/tally";
    for (answers, version) in [("9\n2\nyes\n", "3.0"), ("3.1\ny\n", "3.1")] {
        let world = host();
        let (status, said) = world.answered(line, answers);
        assert_eq!(status, 0, "{said}");
        for part in ["  1  3.1  ", "  2  3.0.1  ", "Type a number: ", "[yes/no] "] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let written = fs::read_to_string(world.path("new.toml")).expect("written");
        assert!(written.contains(&format!("\nupgrade_to = \"{version}\"\n")), "{written}");
    }
    for answers in ["1\nno\n", "\n"] {
        let world = host();
        let (status, said) = world.answered(line, answers);
        assert_eq!(status, 4, "{said}");
        assert!(said.contains("not begun: the answer was no"), "{said}");
        assert!(!world.path("new.toml").exists());
    }
}

/// A package that is called like the playbook is offered, and where its data is is asked.
#[test]
fn a_new_playbook_begins_with_what_a_person_says() {
    let world = World::new();
    let (data, cache) = (world.path("data/tally"), world.path("data/tally-cache"));
    for folder in [&data, &cache] {
        fs::create_dir_all(folder).expect("folder");
    }
    let (data, cache) = (data.display(), cache.display());
    world.write(
        "postinst",
        format!("adduser --home {data} tally\nuseradd --home-dir={cache} cache\n"),
    );
    let postinst = world.path("postinst");
    let listed = "*--listfiles*) echo /usr/lib/systemd/system/tallyd.service ;;";
    let about = "*tally-server) printf 'tally\n1:2.6.1-1\nkeeps counts\n' ;;";
    let control = format!("*--control-path*) echo {} ;;", postinst.display());
    world.program(
        "dpkg-query",
        &format!("case \"$*\" in {listed} {control} {about} *) exit 1 ;; esac"),
    );
    world.program("systemctl", "echo 'ExecStart={ path=/usr/sbin/tallyd ; }'");
    let line = "backout playbook new tally";
    let (status, said) = world.answered(line, "yes\n2\n");
    assert_eq!(status, 0, "{said}");
    for part in [
        "The package tally-server 1:2.6.1-1 is installed.",
        "  1  [DIR]/data/tally  the package's scripts name it\n",
        "  2  [DIR]/data/tally-cache  the package's scripts name it\n",
        "default = \"[DIR]/data/tally-cache\"\n",
        "Found, too: [DIR]/data/tally (the package's scripts name it).\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // A no, another name, and nobody to ask: the example.
    let example = |said: &str| said.contains("name = \"tally\"") && !said.contains("TO DO");
    let (status, said) = world.answered(line, "no\n");
    assert!(status == 0 && example(&said), "{said}");
    let (status, said) = world.answered("backout playbook new counts", "");
    assert!(status == 0 && !said.contains("Begin with what"), "{said}");
    let mut world = world;
    assert!(example(&world.says(line)));
}

/// A server with an init script, an account that only the package's script makes, and settings
/// beside its folder, as OpenLDAP in Debian 12.
#[test]
fn a_new_playbook_knows_a_server_with_an_init_script() {
    let mut world = World::new();
    fs::create_dir(world.path("data")).expect("folder");
    world.write("postinst", "getent passwd openldap || adduser --system openldap\n");
    let listed = "*--listfiles*) printf '/etc/init.d/slapd\n/etc/ldap/schema\n/usr/libexec/none/bin/slapd\n\
                  /usr/lib/systemd/system/slapd.service.d/remain.conf\n' ;;";
    let about = "*slapd) printf 'openldap\n2.5.13+dfsg-5\nOpenLDAP server\n\
                 /etc/default/slapd 0a\n /etc/init.d/slapd 0b\n /etc/ldap/schema/README 0c\n\
                 /etc/ldap/old 0d obsolete\n /etc/apparmor.d/usr.sbin.slapd 0e\n' ;;";
    let control = format!("*--control-path*) echo {} ;;", world.path("postinst").display());
    let siblings = "*source:Package*Status*) printf 'openldap installed slapd\n\
                    openldap installed ldap-utils\nopenldap config-files slapi-dev\n' ;;";
    world.program(
        "dpkg-query",
        &format!("case \"$*\" in {listed} {control} {siblings} {about} *) exit 1 ;; esac"),
    );
    let state = "Id=slapd.service\\nLoadState=loaded\\nExecStart={ path=/etc/init.d/slapd ; }\\n";
    world.program(
        "systemctl",
        &format!("[ \"$*\" = \"${{*%slapd.service}}\" ] || printf '{state}'"),
    );
    let home = world.path("data");
    let users = "games:x:5:60::/usr/games:/bin/sh";
    let line = format!("openldap:x:104:110:OpenLDAP,,,:{}:/bin/false", home.display());
    world.program("getent", &format!("printf '{users}\\n{line}\\n'"));
    let said = world.says("backout playbook new slapd --from slapd");
    for part in [
        "units = [\"slapd.service\"]\n",
        "processes = [\"slapd\"]\n",
        "default = \"[DIR]/data\"\n",
        "is all data there? How it was found: it is the home of the user openldap.\n",
        "config = [\"/etc/apparmor.d/usr.sbin.slapd\", \"/etc/default/slapd\", \
         \"/etc/init.d/slapd\", \"/etc/ldap\"]\n",
        "(lib.*|ldap-utils|slapd)\"",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // Nothing is invented: no folder that is not there, and no unit that systemd does not know.
    fs::remove_dir(&home).expect("removed");
    world.program("systemctl", "echo LoadState=not-found");
    let said = world.says("backout playbook new slapd --from slapd");
    for part in [
        "# TO DO: no folder with data was found",
        "about = \"where the data is\"\n\n",
        "# TO DO: systemd does not know slapd.service",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// What it says, what is not as required, what fails, and what cannot be asked yet.
#[test]
fn a_playbook_is_tried_without_changing_anything() {
    let mut world = host();
    world.write(
        "site.toml",
        "playbook = \"tally\"\ndatasets = [\"tank/t\"]\nupgrade_to = \"3.0\"\n",
    );
    world
        .types("backout playbook try playbooks/tally")
        .types("backout playbook check playbooks/tally")
        .types("backout --json --playbooks playbooks playbook try tally --set port=1");
    world.golden("first-use/try");
}

/// A playbook that is not finished. What is found is the value of its variable for what follows; of
/// several releases, the one with a later version; the reason of a failure stands first; and
/// a variable that there is not is no default.
#[test]
fn a_draft_is_tried_with_what_the_host_says() {
    let mut world = World::new();
    world.write(
        "draft/playbook.toml",
        r#"
format = 1
name = "draft"
title = "OpenLDAP"
[variables]
suffix.about = "the suffix"
release.about = "the release"
other.about = "another"
[data]
[service]
units = []
processes = []
ready = { argv = ["ask", "{suffix}"] }
[version]
command = { argv = ["dpkg-query", "slapd"] }
pattern = '^installed ([0-9.]+)'
[[version.rule]]
from = ">=2"
to = ">=2"
verdict = "allow"
[[detect.value]]
variable = "suffix"
command = { argv = ["ask", "suffix"] }
[[detect.value]]
variable = "release"
command = { argv = ["apt-cache", "policy"] }
[discover.sum]
about = "a sum"
command = { argv = ["ask", "{suffix}"] }
[[requirement]]
about = "the archive still has it"
command = { argv = ["apt-get", "download", "{suffix}"] }
remedy = "wait"
[[requirement]]
about = "another thing"
command = { argv = ["ask", "{other}"] }
remedy = "wait"
[installer]
save = { argv = ["save", "{suffix}"] }
[upgrade]
command = { argv = ["upgrade", "{release}"] }
candidate = { argv = ["apt-get", "install", "{release}"] }
candidate_pattern = '^Inst ([0-9.]+)'
[downgrade]
order = "rollback-first"
install = { argv = ["install", "{installer_files}"] }
"#,
    );
    for folder in ["draft", "draft/playbook.toml"] {
        world.mode(folder, if folder == "draft" { 0o755 } else { 0o644 });
    }
    world.program("ask", "case $1 in suffix) echo dc=x ;; dc=x) echo 1f ;; *) exit 1 ;; esac");
    world.program("dpkg-query", "echo installed 2.5.13");
    world.program("apt-cache", "printf 'bookworm\\ntrixie\\n'");
    let fails = "echo 'W: old' >&2; echo 'E: no such package' >&2; echo more >&2; exit 100";
    world.program(
        "apt-get",
        &format!("case $2 in trixie) echo Inst 2.6.10 ;; bookworm) echo Inst 2.5.13 ;; *) {fails} ;; esac"),
    );
    world
        .types("backout playbook try draft")
        .types("backout playbook try draft --set sufix=dc=y")
        .types("backout playbook try draft --set suffix=dc=y")
        .types("backout playbook check draft");
    world.golden("first-use/draft");
}

/// S9: nobody else may write to the file or its folder.
#[test]
fn s9_init_writes_a_file_that_only_its_owner_may_write_to() {
    let mut world = host();
    let typed = "backout --site site/new.toml --playbooks playbooks init tally --upgrade-to 3.0 \
                 --dataset tank/tally --yes";
    let (status, said) = world.changes(typed);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("site/new.toml is written."), "{said}");
    for (name, mode) in [("site", 0o755), ("site/new.toml", 0o644)] {
        let found = fs::metadata(world.path(name)).expect("there").permissions().mode();
        assert_eq!(found & 0o777 & !0o022, mode & 0o755, "{name}");
        assert_eq!(found & 0o022, 0, "{name}");
    }
    assert!(world.says(typed).contains("is there already"));
    world.mode("site", 0o777);
    let other = typed.replace("new.toml", "other.toml");
    let said = world.says(&other);
    assert!(said.contains("could not be written") && said.contains("chmod"), "{said}");
}

/// A file that is named without a folder is written where one is.
#[test]
fn a_bare_name_is_a_file_here() {
    let mut world = host();
    let typed = "backout --site bare.toml --playbooks playbooks init tally --upgrade-to 3.0 \
                 --dataset tank/tally --yes";
    let (status, said) = world.changes(typed);
    assert_eq!(status, 0, "{said}");
    let (history, _) = super::history::History::upgrading();
    history.put(&world);
    let (status, said) = world.changes("backout report --output story.txt");
    assert_eq!((status, said.trim()), (0, "The report is in story.txt."));
}

#[test]
fn fix_shows_makes_and_checks_again_but_restarts_only_what_is_named() {
    let mut world = host();
    world.write(
        "site.toml",
        "playbook = \"tally\"\ndatasets = [\"tank/tally\"]\nupgrade_to = \"3.0\"\n",
    );
    let unmet = "Requirement not met: the change log is enabled.";
    let said = world.says("backout --playbooks playbooks check --fix");
    assert!(said.contains("there is no terminal to ask at") && !said.contains("made\n"), "{said}");
    let (status, said) = world.changes("backout --playbooks playbooks check --fix --yes");
    let (head, rest) = said.split_once("Tally: 2.6.1").expect("it checks again");
    assert_eq!(
        head,
        "can be made: the change log is enabled at the next start (change-log)\n  \
         so that: the change log is enabled\n  writes [DIR]/etc/90-backout.conf:\n    \
         changelog = /var/lib/tally\n  made\n"
    );
    assert_eq!(status, 3);
    assert!(rest.contains(unmet), "it was not restarted: {rest}");
    assert!(rest.ends_with("  backout check --fix --accept tallyd.service\n"), "{rest}");
    let typed = "backout --playbooks playbooks check --fix --accept tallyd.service";
    let (_, said) = world.changes(typed);
    let (head, rest) = said.split_once("Tally: 2.6.1").expect("it checks again");
    assert!(head.ends_with("90-backout.conf is there already\n  tallyd.service was restarted\n"));
    assert!(!rest.contains(unmet), "{rest}");
    fs::remove_file(world.path("etc/restarted")).expect("removed");
    world.write("etc/90-backout.conf", "mine\n");
    let said = world.says(typed);
    assert!(said.contains("has another content, and stays as it is."), "{said}");
}
