//! Processes of FreeBSD, by what its commands print.

use super::*;
use crate::host::ask::tests::answering;

const PS: &str = "ps --libxo json -axww -o pid,uid,jid,state,lstart,comm,args";

/// As `bin/ps` of FreeBSD writes it with libxo: the containers `process-information` and `process`
/// (`ps.c`), in each the fields by their names in `keyword.c`, all as text and not padded; `lstart`
/// by `%c`. The tests of two other programs show such output of real hosts: cirrina
/// (`Test_parsePsJSONOutput`) and Net::Connection::FreeBSD_sockstat.
fn ps() -> String {
    let line = |pid: &str, uid: &str, jid: &str, state: &str, comm: &str, args: &str| {
        format!(
            r#"{{"pid":"{pid}","uid":"{uid}","jail-id":"{jid}","state":"{state}","start-time":"Mon Nov 30 01:41:30 2026    ","command":"{comm}","arguments":"{args}"}}"#
        )
    };
    let own = std::process::id().to_string();
    let lines = [
        line("0", "0", "0", "DLs", "kernel", "[kernel]"),
        line(
            "812",
            "88",
            "0",
            "I ",
            "mariadbd",
            "/usr/local/libexec/mariadbd --datadir=/no-such/db",
        ),
        line("930", "88", "3", "IJ", "mariadbd", "/usr/local/libexec/mariadbd"),
        line("931", "88", "0", "Z", "mariadbd", "<defunct>"),
        line("940", "0", "0", "S", "nineteen-characters", "nineteen-characters-and-more"),
        line(&own, "0", "0", "R", "mariadbd", "backout"),
        line("1044", "0", "0", "I", "sh", "sh -c true"),
    ];
    format!(r#"{{"process-information": {{"process": [{}]}}}}"#, lines.join(","))
}

/// As `usr.bin/procstat/procstat_files.c` writes it: `procstat`, `files`, the process ids, `files`;
/// `fd` is a padded number or a word, `vode_type` is spelled like this there.
const FILES: &str = r#"{"procstat": {"files": {
  "0": {"process_id":0,"command":"kernel","files": [
    {"fd":"cwd","fd_type":"vnode","vode_type":"directory","fd_flags":["read"],"ref_count":"-","offset":"-","protocol":"-","path":"/"}]},
  "812": {"process_id":812,"command":"mariadbd","files": [
    {"fd":"text","fd_type":"vnode","vode_type":"regular","fd_flags":["read"],"ref_count":"-","offset":"-","protocol":"-","path":"/usr/local/libexec/mariadbd"},
    {"fd":"cwd","fd_type":"vnode","vode_type":"directory","fd_flags":["read"],"ref_count":"-","offset":"-","protocol":"-","path":"/no-such/db"},
    {"fd":    4,"fd_type":"vnode","vode_type":"regular","fd_flags":["read","write"],"ref_count":1,"offset":0,"protocol":"-","path":"/no-such/db/ibdata1"}]},
  "930": {"process_id":930,"command":"mariadbd","files": [
    {"fd":    4,"fd_type":"vnode","vode_type":"regular","fd_flags":["read"],"ref_count":1,"offset":0,"protocol":"-","path":"/jails/a/data/x"}]},
  "940": {"process_id":940,"command":"nineteen-characters","files": [
    {"fd":    4,"fd_type":"vnode","vode_type":"regular","fd_flags":["read"],"ref_count":1,"offset":0,"protocol":"-","path":"-"}]}
}}}"#;

/// As `usr.bin/procstat/procstat_args.c` writes it: the list is called `environment`.
const ENVIRONMENT: &str = r#"{"procstat": {"environment": {
  "0": {"process_id":0,"command":"kernel"},
  "812": {"process_id":812,"command":"mariadbd","environment": ["HOME=/","BACKOUT_CHANGE=c12"]},
  "930": {"process_id":930,"command":"mariadbd","environment": ["XBACKOUT_CHANGE=c1"]},
  "1044": {"process_id":1044,"command":"sh","environment": ["PATH=/bin","BACKOUT_CHANGE=c1"]}
}}}"#;

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
    let found = named("mariadbd");
    assert_eq!(found.iter().map(|it| it.pid).collect::<Vec<_>>(), [812, 930], "a zombie is none");
    assert_eq!(found[0].cmdline, "/usr/local/libexec/mariadbd --datadir=/no-such/db");
    assert_eq!(found[0].since, Some(1_796_002_890));
    assert_eq!((found[0].container, found[1].container), (false, true), "it is of a jail");
    assert_eq!(named("nineteen-characters-and-more").len(), 1);
    assert_eq!(named("nineteen-charac").len(), 1, "as a playbook has to name it");
    assert!(named("maria").is_empty());
    assert!(named_by(&answering(&[]), &[]).is_err(), "no answer is no list");
    assert!(named_by(&answering(&[(PS, "  PID COMMAND")]), &[]).is_err());
}

#[test]
fn within_a_jail_its_processes_are_no_strangers() {
    let all = parse_list(&ps(), 930).unwrap();
    let container =
        |pid| all.iter().find(|it| it.process.pid == pid).map(|it| it.process.container);
    assert_eq!((container(812), container(930)), (Some(true), None));
}

#[test]
fn marks_are_whole_variables() {
    let environment = "procstat --libxo json -e -a";
    let runner = answering(&[(PS, &ps()), (environment, ENVIRONMENT)]);
    let pids = |change: &str| -> Vec<i32> {
        marked_by(&runner, change).unwrap().iter().map(|it| it.pid).collect()
    };
    assert_eq!((pids("c1"), pids("c12"), pids("c")), (vec![1044], vec![812], vec![]));
    assert!(marked_by(&answering(&[(PS, &ps())]), "c1").is_err());
}

#[test]
fn users_are_found_by_names_by_loopback_mounts_and_by_the_file_system() {
    let runner = answering(&[
        (PS, &ps()),
        ("procstat --libxo json -f -a", FILES),
        ("fuser -c -m /jails/a/data /no-such/db", "   812   940"),
    ]);
    let mounts =
        [mount("zfs", "tank/db", "/no-such/db"), mount("nullfs", "/no-such/db", "/jails/a/data")];
    let users = |euid| users_by(&runner, &["/no-such/db".into()], &mounts, euid).unwrap();
    let found: Vec<(i32, String)> = users(0)
        .found
        .into_iter()
        .map(|process| (process.pid, process.uses.unwrap_or_default()))
        .collect();
    let text = str::to_owned;
    assert_eq!(
        found,
        [
            (812, text("cwd /no-such/db")),
            (930, text("open /jails/a/data/x")),
            (940, text(OF_THE_FILE_SYSTEM)),
        ]
    );
    assert_eq!((users(0).unreadable, users(1001).unreadable), (0, 2));
    // A folder that is no mountpoint is looked for by its name alone.
    let below = users_by(&runner, &["/no-such/db/ibdata1".into()], &[], 0).unwrap();
    assert_eq!(below.found.len(), 1);
    assert_eq!(below.found[0].uses.as_deref(), Some("open /no-such/db/ibdata1"));
    assert!(users_by(&answering(&[(PS, &ps())]), &["/x".into()], &[], 0).is_err());
}
