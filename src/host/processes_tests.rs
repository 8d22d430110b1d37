//! Processes, on a `/proc` of our own.
#![expect(clippy::disallowed_methods, reason = "a test makes its own files and processes")]

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;

use super::*;

/// A `/proc` of our own.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().expect("temp dir"));
        tree.write("stat", "cpu 1 2 3 4\nctxt 1\nbtime 1700000000\nprocesses 1\n");
        tree.write(
            "self/mountinfo",
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:40 / /data rw - zfs tank/data rw\n3 1 0:41 \
                / /other rw - zfs tank/other rw\n",
        );
        tree
    }

    fn write(&self, path: &str, text: &str) {
        self.write_bytes(path, text.as_bytes());
    }

    fn write_bytes(&self, path: &str, text: &[u8]) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, text).expect("written");
    }

    fn process(&self, pid: i32, comm: &str, state: char) {
        self.write(
            &format!("{pid}/stat"),
            &format!(
                "{pid} ({comm}) {state} 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 12300 1 1 0 0 \
                0 0 0 0 0 0 0 0 0 0 0\n"
            ),
        );
        self.write(&format!("{pid}/comm"), &format!("{comm}\n"));
        self.write(&format!("{pid}/cmdline"), &format!("/usr/sbin/{comm}\0--datadir=/data\0"));
        self.write(
            &format!("{pid}/maps"),
            "5581-5582 r-xp 00000000 08:01 12 \
            /usr/bin/x\n7ffe-7fff rw-p 00000000 00:00 0 [stack]\n",
        );
        self.link(pid, "cwd", "/");
        self.link(pid, "root", "/");
        self.write(&format!("{pid}/fd/.keep"), "");
    }

    fn link(&self, pid: i32, name: &str, target: impl AsRef<OsStr>) {
        self.link_in(&pid.to_string(), name, target);
    }

    fn link_in(&self, folder: &str, name: &str, target: impl AsRef<OsStr>) {
        let path = self.0.path().join(folder).join(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        let _ = fs::remove_file(&path);
        symlink(target.as_ref(), path).expect("link");
    }

    fn users(&self) -> Vec<(i32, String)> {
        let found = users_of(self.0.path(), &[PathBuf::from("/data")]).expect("read").found;
        found.into_iter().map(|process| (process.pid, process.uses.unwrap_or_default())).collect()
    }
}

#[test]
fn names_are_the_kernels() {
    let tree = Tree::new();
    tree.process(101, "mariadbd", 'S');
    tree.process(102, "a) (b", 'S');
    tree.process(103, "fifteen-letters", 'S');
    tree.process(104, "mariadbd", 'Z');
    tree.process(105, "fourteen-bytes\u{e9}", 'S');
    tree.write_bytes("105/comm", b"fourteen-bytes\xc3\n");
    let names = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
        named(tree.0.path(), &names).expect("read")
    };
    let found = names(&["mariadbd"]);
    assert_eq!(found.len(), 1, "a zombie is no server");
    assert_eq!(
        (found[0].pid, found[0].cmdline.as_str()),
        (101, "/usr/sbin/mariadbd --datadir=/data")
    );
    assert_eq!(found[0].since, Some(1_700_000_123));
    assert_eq!(names(&["a) (b"]).len(), 1);
    assert_eq!(names(&["fifteen-letters-and-more"]).len(), 1);
    assert_eq!(names(&["fourteen-bytes\u{e9}s"]).len(), 1, "the kernel cuts within a character");
    assert!(names(&["maria"]).is_empty());
    assert!(named(Path::new("/no such"), &[]).is_err());
}

#[test]
fn every_kind_of_use_is_found() {
    let tree = Tree::new();
    for pid in 200..213 {
        tree.process(pid, "x", 'S');
    }
    tree.link(201, "cwd", "/data/sub");
    tree.link(202, "root", "/data");
    tree.link(203, "exe", "/data/bin/x");
    tree.link(204, "fd/3", "/data/file (deleted)");
    tree.link(205, "fd/4", "/database/file");
    tree.link(206, "fd/3", "socket:[1]");
    tree.write("207/maps", "5581-5582 r--s 00000000 00:28 12    /var/elsewhere/my file\n");
    // In a container the same file system has another name.
    tree.link(208, "fd/5", "/inside/file");
    tree.write("208/fdinfo/5", "pos:\t0\nflags:\t02\nmnt_id:\t77\n");
    tree.write("208/mountinfo", "77 1 0:40 / /inside rw - zfs tank/data rw\n");
    tree.link(209, "fd/5", "/other/file");
    tree.write("209/fdinfo/5", "mnt_id:\t3\n");
    tree.write("209/mountinfo", "3 1 0:41 / /other rw - zfs tank/other rw\n");
    // What a name holds hides nothing.
    tree.write_bytes(
        "210/maps",
        b"5581-5582 r--s 00000000 00:99 12 /SYSV\n5581-5582 r--s 00000000 00:99 12 /data/\xff\n",
    );
    tree.link(211, "cwd", OsStr::from_bytes(b"/data/\xff"));
    tree.link(212, "fd/5", OsStr::from_bytes(b"/data/\xff"));
    let text = |s: &str| s.to_owned();
    assert_eq!(
        tree.users(),
        [
            (201, text("cwd /data/sub")),
            (202, text("root folder /data")),
            (203, text("program /data/bin/x")),
            (204, text("open /data/file (deleted)")),
            (207, text("mapped /var/elsewhere/my file")),
            (208, text("open /inside/file")),
            (210, text("mapped /data/\u{fffd}")),
            (211, text("cwd /data/\u{fffd}")),
            (212, text("open /data/\u{fffd}")),
        ]
    );
}

#[test]
fn what_stays_mounted_elsewhere_is_found_once_for_each_namespace() {
    let tree = Tree::new();
    tree.link_in("self", "ns/mnt", "mnt:[1]");
    tree.write("self/mountinfo", "2 1 0:40 / /data rw shared:9 - zfs t/a rw\n");
    let table = [
        (601, 1, "", "t/a"),
        (602, 2, "", "t/a b"),
        (603, 2, "", "t/a b"),
        (604, 3, "master:9", "t/a"),
        (605, 4, "shared:9", "t/a"),
        (606, 5, "shared:10 master:11", "t/a"),
        (607, 6, "", "t/a"),
    ];
    for (pid, namespace, groups, source) in table {
        tree.process(pid, "x", 'S');
        tree.link(pid, "ns/mnt", format!("mnt:[{namespace}]"));
        tree.write(
            &format!("{pid}/mountinfo"),
            &format!("77 1 0:40 / /inside rw {groups} - zfs {} rw\n", source.replace(' ', "\\040")),
        );
    }
    let found =
        |dataset| mounted_elsewhere(tree.0.path(), &BTreeSet::from([dataset])).expect("read");
    let pids = |dataset| found(dataset).iter().map(|process| process.pid).collect::<Vec<_>>();
    assert_eq!([pids("t/a"), pids("t/a b"), pids("t")], [vec![606, 607], vec![602], vec![]]);
    assert_eq!(
        found("t/a")[0].uses.as_deref(),
        Some("mounted at /inside in its own mount namespace")
    );
    tree.write("self/mountinfo", "");
    assert_eq!(pids("t/a"), [604, 605, 606, 607], "nothing reaches what is mounted there alone");
}

#[test]
fn marks_are_whole_variables() {
    let tree = Tree::new();
    for (pid, environ) in [
        (301, "A=1\0BACKOUT_CHANGE=c1\0"),
        (302, "BACKOUT_CHANGE=c12\0"),
        (303, "XBACKOUT_CHANGE=c1\0"),
        (304, ""),
    ] {
        tree.process(pid, "x", 'S');
        tree.write(&format!("{pid}/environ"), environ);
    }
    let found = marked(tree.0.path(), "c1").expect("read");
    assert_eq!(found.iter().map(|process| process.pid).collect::<Vec<_>>(), [301]);
}

#[test]
fn units_are_whole_parts() {
    let tree = Tree::new();
    tree.process(401, "x", 'S');
    tree.write("401/cgroup", "0::/system.slice/mariadb.service\n");
    let found = named(tree.0.path(), &["x".into()]).expect("read");
    assert!(found[0].is_of_unit("mariadb.service"));
    assert!(!found[0].is_of_unit("maria"));
}

#[test]
fn the_real_proc_shows_a_child_of_ours() {
    let dir = tempfile::tempdir().expect("temp dir");
    let folder = dir.path().canonicalize().expect("real");
    let file = fs::File::create(folder.join("held")).expect("file");
    let mut command = std::process::Command::new("sleep");
    let mut child = command
        .arg("60")
        .stdin(file)
        .env(crate::host::exec::MARKER, "guard-test")
        .process_group(0)
        .spawn()
        .expect("starts");
    let pid = i32::try_from(child.id()).expect("pid");
    let proc = Path::new("/proc");
    // Until the exec the child is a copy of ours, without the mark.
    let seen = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        marked(proc, "guard-test").expect("read").iter().any(|process| process.pid == pid)
    });
    let users = users_of(proc, std::slice::from_ref(&folder)).expect("read");
    let named = named(proc, &["sleep".into()]).expect("read");
    child.kill().expect("ends");
    child.wait().expect("ended");
    assert!(seen);
    let user = users.found.iter().find(|process| process.pid == pid).expect("found");
    assert_eq!(user.uses, Some(format!("open {}", folder.join("held").display())));
    assert!(named.iter().any(|process| process.pid == pid
        && process.cmdline == "sleep 60"
        && process.since.is_some()));
    assert!(
        users
            .found
            .iter()
            .all(|process| process.pid != i32::try_from(std::process::id()).expect("pid"))
    );
}

#[test]
fn a_program_of_this_host_is_told_from_one_of_a_container() {
    let tree = Tree::new();
    let program = tree.0.path().join("served");
    fs::write(&program, "").expect("written");
    let process = |pid: i32, exe: &str, container| {
        tree.process(pid, "served", 'S');
        tree.link(pid, "exe", exe);
        let found = named(tree.0.path(), &["served".into()]).expect("read");
        Process { container, ..found.into_iter().find(|it| it.pid == pid).expect("found") }
    };
    let path = program.display().to_string();
    let shares = |process: &Process| runs_program_of_host(tree.0.path(), process);
    assert!(shares(&process(1, &path, false)));
    assert!(shares(&process(2, &format!("{path} (deleted)"), false)), "replaced by an upgrade");
    assert!(!shares(&process(3, &format!("{path} (deleted)"), true)));
    assert!(!shares(&process(4, "/no/such/program", false)));
}
