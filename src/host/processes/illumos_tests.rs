//! Processes of illumos, by what its commands print and what is below its `/proc`.
#![expect(clippy::disallowed_methods, reason = "a test makes its own files")]

use std::os::unix::fs::symlink;

use super::*;
use crate::host::ask::tests::answering;

const PS: &str = "ps -A -o zoneid,pid,s -o fname=COMMAND_________ -o args";

/// As `usr/src/cmd/ps/ps.c` of illumos writes it: `%5d` for numbers, `%c` for the state,
/// `%-16.16s` for a name whose header has 16 characters, and a space between the fields. A zombie's
/// names are `<defunct>`.
fn ps() -> String {
    let own = std::process::id();
    format!(
        "ZONEID   PID S COMMAND_________ COMMAND
    0     0 T sched            sched
    0   812 S mysqld           /opt/local/sbin/mysqld --datadir=/no-such/db
    4   930 S mysqld           /opt/local/sbin/mysqld
    0   931 Z <defunct>        <defunct>
    0   940 S fifteen letters  fifteen letters and more
    0 {own:5} O mysqld           backout
    0  1044 S sh               sh -c true
"
    )
}

/// As `usr/src/cmd/ptools/pargs/pargs.c` writes it: `%d:\t%s` for a process, a system process with
/// a space, an empty line between two, and `envp[%d]: %s`.
const ENVIRONMENT: &str = "\
0: sched

812:\t/opt/local/sbin/mysqld --datadir=/no-such/db
envp[0]: HOME=/
envp[1]: BACKOUT_CHANGE=c12

930:\t/opt/local/sbin/mysqld
envp[0]: XBACKOUT_CHANGE=c1

1044:\tsh -c true
envp[0]: PATH=/usr/bin: BACKOUT_CHANGE=c1
envp[1]: BACKOUT_CHANGE=c1
";

fn mount(fstype: &str, source: &str, point: &str) -> Mount {
    let (source, point, fstype) = (source.to_owned(), point.into(), fstype.to_owned());
    let device = source.clone();
    let (shared, master) = (None, None);
    Mount { id: 0, parent: 0, device, root: "/".into(), point, fstype, source, shared, master }
}

#[test]
fn names_are_the_kernels() {
    let runner = answering(&[(PS, &ps())]);
    let named = |name: &str| named_by(&runner, &[name.to_owned()]).unwrap();
    let found = named("mysqld");
    assert_eq!(found.iter().map(|it| it.pid).collect::<Vec<_>>(), [812, 930], "a zombie is none");
    assert_eq!(found[0].cmdline, "/opt/local/sbin/mysqld --datadir=/no-such/db");
    assert_eq!((found[0].container, found[1].container), (false, true), "it is of a zone");
    assert_eq!(named("fifteen letters and more").len(), 1);
    assert!(named("mysql").is_empty() && named("<defunct>").is_empty());
    assert!(named_by(&answering(&[]), &[]).is_err(), "no answer is no list");
}

#[test]
fn within_a_zone_its_processes_are_no_strangers() {
    let all = parse_list(&ps(), 930);
    assert!(all.iter().find(|it| it.pid == 812).unwrap().container);
}

#[test]
fn marks_are_whole_variables() {
    let runner = answering(&[(PS, &ps()), ("pargs -e 0 812 930 940 1044", ENVIRONMENT)]);
    let pids = |change: &str| -> Vec<i32> {
        marked_by(&runner, change).unwrap().iter().map(|it| it.pid).collect()
    };
    assert_eq!((pids("c1"), pids("c12"), pids("c")), (vec![1044], vec![812], vec![]));
    assert!(marked_by(&answering(&[(PS, &ps())]), "c1").is_err());
}

/// The links are those that `proc(5)` describes: a number for an open file, `cwd`, `root`, `a.out`,
/// and for a mapped object the type of its file system, its device and its inode.
#[test]
fn users_are_found_by_links_by_loopback_mounts_and_by_the_file_system() {
    let proc = tempfile::tempdir().unwrap();
    let link = |pid: i32, name: &str, target: &str| {
        let folder = proc.path().join(pid.to_string()).join("path");
        fs::create_dir_all(&folder).unwrap();
        symlink(target, folder.join(name)).unwrap();
    };
    link(812, "a.out", "/opt/local/sbin/mysqld");
    link(812, "cwd", "/no-such/db");
    link(812, "root", "/");
    link(812, "4", "/no-such/db/ibdata1");
    link(930, "root", "/zones/a/root");
    link(930, "zfs.172.65541.812", "/zones/a/root/data/x");
    link(940, "4", "/no-such/dbx");
    link(1044, "12", "/no-such/db/log");
    let runner =
        answering(&[(PS, &ps()), ("fuser -c /no-such/db /zones/a/root/data", "     812     940")]);
    let mounts = [
        mount("zfs", "tank/db", "/no-such/db"),
        mount("lofs", "/no-such/db", "/zones/a/root/data"),
    ];
    let users = users_by(&runner, proc.path(), &["/no-such/db".into()], &mounts).unwrap();
    let found: Vec<(i32, String)> = users
        .found
        .into_iter()
        .map(|process| (process.pid, process.uses.unwrap_or_default()))
        .collect();
    let text = str::to_owned;
    assert_eq!(
        found,
        [
            (812, text("open /no-such/db/ibdata1")),
            (930, text("mapped /zones/a/root/data/x")),
            (940, text(OF_THE_FILE_SYSTEM)),
            (1044, text("open /no-such/db/log")),
        ]
    );
    assert_eq!(users.unreadable, 0);
}

#[test]
fn a_program_of_this_host_is_told_from_one_of_a_zone() {
    let proc = tempfile::tempdir().unwrap();
    let program = proc.path().join("served");
    fs::write(&program, "").unwrap();
    fs::create_dir_all(proc.path().join("812/path")).unwrap();
    symlink(&program, proc.path().join("812/path/a.out")).unwrap();
    let runner = answering(&[(PS, &ps())]);
    let found = named_by(&runner, &["mysqld".to_owned()]).unwrap().remove(0);
    assert!(runs_program_of_host(proc.path(), &found));
    let of_zone = Process { container: true, ..found };
    assert!(!runs_program_of_host(proc.path(), &of_zone));
}
