//! What runs of a package's programs: their names, accounts, units, and the files that they have
//! open.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A running program of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Server {
    /// Its short name, as `ps -e -o comm` shows it.
    pub(super) comm: String,
    /// The number of the account that it runs as.
    pub(super) uid: u32,
    /// The systemd service that it runs in.
    pub(super) unit: Option<String>,
    /// The files that it has open, and one in its current folder.
    pub(super) open: Vec<PathBuf>,
}

/// The processes that run one of these programs. `proc` is `/proc`. What cannot be read is left
/// out: only root sees the files of others.
pub(super) fn servers(proc: &Path, programs: &[&str]) -> Vec<Server> {
    let programs: BTreeSet<(u64, u64)> = programs.iter().filter_map(file).collect();
    let mut pids: Vec<u32> = fs::read_dir(proc)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let dirs = pids.iter().map(|pid| proc.join(pid.to_string()));
    dirs.filter(|dir| runs(dir, &programs)).map(|dir| server(&dir)).collect()
}

fn file(path: impl AsRef<Path>) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((found.dev(), found.ino()))
}

/// Whether it runs one of them: itself, or as an interpreter's script.
fn runs(dir: &Path, programs: &BTreeSet<(u64, u64)>) -> bool {
    let is_one = |path: &Path| file(path).is_some_and(|it| programs.contains(&it));
    if is_one(&dir.join("exe")) {
        return true;
    }
    let words = fs::read(dir.join("cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words);
    let mut words = words.split('\0').skip(1).filter(|word| !word.starts_with('-'));
    words.next().is_some_and(|word| word.starts_with('/') && is_one(Path::new(word)))
}

fn server(dir: &Path) -> Server {
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    let status = text("status");
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let uid = uid.and_then(|ids| ids.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0);
    let links = fs::read_dir(dir.join("fd")).into_iter().flatten().flatten();
    let mut open: Vec<PathBuf> = links.filter_map(|link| fs::read_link(link.path()).ok()).collect();
    open.extend(fs::read_link(dir.join("cwd")).ok().map(|folder| folder.join("x")));
    open.sort_unstable();
    let cgroup = text("cgroup");
    let unit = cgroup.lines().find_map(|line| {
        let name = line.rsplit('/').next()?;
        (name.ends_with(".service") && !name.starts_with("user@")).then(|| name.to_owned())
    });
    Server { comm: text("comm").trim_end().to_owned(), uid, unit, open }
}

/// Of programs, sockets and settings, none is data.
const NO_DATA: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
    "/var/cache",
    "/var/log",
    "/var/run",
    "/var/tmp",
];

/// The folders of data that hold these open files. None of them is within another.
pub(super) fn folders(open: &[PathBuf]) -> Vec<PathBuf> {
    let data = |path: &&PathBuf| {
        path.is_absolute() && !NO_DATA.iter().any(|above| path.starts_with(above))
    };
    let mut found: Vec<PathBuf> = open.iter().filter(data).filter_map(|it| folder(it)).collect();
    found.sort_unstable();
    found.dedup();
    let all = found.clone();
    found.retain(|it| !all.iter().any(|above| it != above && it.starts_with(above)));
    found
}

/// The one of a file: below `/var/lib`, what belongs to one product; otherwise the file's own.
fn folder(file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?;
    let folder = ["/var/lib", "/var/spool"].iter().find_map(|of_all| {
        let first = parent.strip_prefix(of_all).ok()?.components().next()?;
        Some(Path::new(of_all).join(first))
    });
    let folder = folder.unwrap_or_else(|| parent.to_owned());
    // `/srv`, or `/var/lib` itself, has more than one product.
    let of_many = ["/var", "/var/lib", "/var/spool"].map(Path::new).contains(&folder.as_path());
    (folder.components().count() > 2 && !of_many).then_some(folder)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_server_tells_where_its_data_is() {
        let world = tempfile::tempdir().expect("temp dir");
        let program = world.path().join("slapd");
        let script = world.path().join("talkd");
        let other = world.path().join("sh");
        for file in [&program, &script, &other] {
            fs::write(file, "x").expect("written");
        }
        let process = |pid: &str, exe: &Path, cmdline: &str, cgroup: &str| {
            let dir = world.path().join("proc").join(pid);
            fs::create_dir_all(dir.join("fd")).expect("folder");
            symlink(exe, dir.join("exe")).expect("linked");
            symlink("/", dir.join("cwd")).expect("linked");
            for (name, text) in [
                ("comm", "slapd\n"),
                ("status", "Name:\tslapd\nUid:\t104\t104\t104\t104\n"),
                ("cmdline", cmdline),
                ("cgroup", cgroup),
            ] {
                fs::write(dir.join(name), text).expect("written");
            }
            symlink("/var/lib/ldap/data.mdb", dir.join("fd/7")).expect("linked");
            symlink("socket:[7]", dir.join("fd/8")).expect("linked");
        };
        process("31", &program, "slapd\0-u\0openldap\0", "0::/system.slice/slapd.service\n");
        let words = format!("python3\0-I\0{}\0", script.display());
        process("32", &other, &words, "0::/user.slice/session-1.scope\n");
        process("33", &other, "sh\0-c\0true\0", "");
        let programs = [program.display().to_string(), script.display().to_string()];
        let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
        let found = servers(&world.path().join("proc"), &programs);
        let units: Vec<Option<&str>> = found.iter().map(|it| it.unit.as_deref()).collect();
        assert_eq!(units, [Some("slapd.service"), None]);
        assert_eq!((found[0].comm.as_str(), found[0].uid), ("slapd", 104));
        assert_eq!(folders(&found[0].open), [Path::new("/var/lib/ldap")]);
    }

    #[test]
    fn folders_of_data_among_open_files() {
        let of = |open: &[&str]| -> Vec<String> {
            let open: Vec<PathBuf> = open.iter().map(PathBuf::from).collect();
            folders(&open).iter().map(|it| it.display().to_string()).collect()
        };
        assert_eq!(
            of(&["/var/lib/mysql/shop/t.ibd", "/var/lib/mysql/ibdata1"]),
            ["/var/lib/mysql"]
        );
        assert_eq!(of(&["/srv/db/shop/t.ibd", "/srv/db/ibdata1"]), ["/srv/db"]);
        // The current folder alone, as Redis has it.
        assert_eq!(of(&["/var/lib/redis/x"]), ["/var/lib/redis"]);
        let none =
            ["/x", "/x.db", "/srv/x.db", "/var/log/x/y", "/tmp/x/y", "pipe:[1]", "/home/a/x"];
        assert_eq!(of(&none), [""; 0]);
    }
}
