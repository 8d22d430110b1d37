//! Where a package's data may be: only folders that are there, each with how it was found.

use std::path::Path;

use super::Folder;
use super::running::{Server, folders};

/// What may tell where the data is.
pub(super) struct Clues<'c> {
    /// The servers that run.
    pub(super) servers: &'c [Server],
    /// What systemd says of the units.
    pub(super) starts: &'c str,
    /// All accounts, as in `/etc/passwd`.
    pub(super) accounts: &'c str,
    /// The paths that the package brings.
    pub(super) files: &'c str,
    /// The script that runs after its installation, and its accounts and folders for systemd.
    pub(super) scripts: &'c str,
}

/// The folders that are there, the surest first.
pub(super) fn found(clues: &Clues<'_>) -> Vec<Folder> {
    let mut all: Vec<Folder> = Vec::new();
    let mut add = |path: &str, why: String| {
        let path = path.trim_end_matches('/');
        let known = all.iter().any(|it| it.path == path);
        if !known && is_of_one(path) && Path::new(path).is_dir() {
            all.push(Folder { path: path.to_owned(), why });
        }
    };
    for server in clues.servers {
        for folder in folders(&server.open) {
            let why = format!("{} has files open there", server.comm);
            add(&folder.display().to_string(), why);
        }
    }
    let states = clues.starts.lines().filter_map(|line| line.strip_prefix("StateDirectory="));
    for name in states.flat_map(str::split_whitespace) {
        add(&format!("/var/lib/{name}"), "its unit makes it".to_owned());
    }
    for (name, home) in homes(clues) {
        add(home, format!("it is the home of the user {name}"));
    }
    let own = |path: &&str| path.starts_with("/var/lib/") && path.matches('/').count() == 3;
    for path in clues.files.lines().filter(own) {
        add(path, "the package brings it".to_owned());
    }
    for path in named(clues.scripts) {
        add(&path, "the package's scripts name it".to_owned());
    }
    all
}

/// Not a folder that everything shares, or one of programs.
fn is_of_one(path: &str) -> bool {
    const SYSTEM: &[&str] = &["dpkg", "apt", "systemd", "ucf", "dbus", "misc", "pam", "private"];
    let system = path.strip_prefix("/var/lib/");
    let system = system.is_some_and(|rest| SYSTEM.contains(&rest.split('/').next().unwrap_or("")));
    let above = ["/run", "/usr", "/bin", "/sbin", "/dev", "/proc", "/sys", "/etc", "/root"];
    let programs = above.iter().any(|above| Path::new(path).starts_with(above));
    path.matches('/').count() >= 2
        && !matches!(path, "/var/lib" | "/var/spool")
        && !system
        && !programs
}

/// The accounts of the servers, and those of the system that the package makes, with their homes.
fn homes<'c>(clues: &Clues<'c>) -> Vec<(&'c str, &'c str)> {
    let units = clues.starts.lines().filter_map(|line| line.strip_prefix("User="));
    let units: Vec<&str> = units.collect();
    let word = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let made: Vec<&str> = clues.scripts.split(word).collect();
    let its = |line: &&str| -> Option<(&'c str, &'c str)> {
        let fields: Vec<&'c str> =
            clues.accounts.lines().find(|it| it == line)?.split(':').collect();
        let [name, _, uid, _, _, home, ..] = fields.as_slice() else { return None };
        let uid: u32 = uid.parse().ok()?;
        // Those below 100 are every Debian's, and no package's.
        let made = (100..1000).contains(&uid) && made.contains(name);
        let runs = uid > 0 && clues.servers.iter().any(|server| server.uid == uid);
        (made || runs || units.contains(name)).then_some((*name, *home))
    };
    clues.accounts.lines().filter_map(|line| its(&line)).collect()
}

/// The paths below `/var/lib`, `/var/spool` and `/srv` in scripts, and the homes of new accounts.
fn named(scripts: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in scripts.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let quotes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '=' | '`' | ')');
        let words: Vec<&str> = line.split(quotes).filter(|it| !it.is_empty()).collect();
        for (i, word) in words.iter().enumerate() {
            let option = i.checked_sub(1).map(|before| words[before]);
            let home = matches!(option, Some("--home" | "--home-dir" | "--homedir"));
            let below = ["/var/lib/", "/var/spool/", "/srv/"].iter().any(|it| word.starts_with(it));
            if (home || below) && word.starts_with('/') && !word.contains(['$', '*', '{']) {
                found.push((*word).to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_a_script() {
        let script = "# /var/lib/old\n[ -d \"/var/lib/ldap\" ] || mkdir -p '/var/lib/ldap';\n\
                      adduser --home /opt/data --gecos \"x y\" a\nuseradd --home-dir=/d/e b\n\
                      rm -rf /var/lib/$x /usr/share/x\n";
        assert_eq!(named(script), ["/var/lib/ldap", "/var/lib/ldap", "/opt/data", "/d/e"]);
    }

    #[test]
    fn only_accounts_that_the_package_makes_or_uses() {
        let servers = [Server { uid: 1000, ..Server::default() }];
        let clues = Clues {
            servers: &servers,
            starts: "User=\nUser=etcd\n",
            accounts: "root:x:0:0::/root:\nmail:x:8:8::/var/mail:\nopenldap:x:104:1::/var/lib/ldap:\n\
                       etcd:x:105:1::/var/lib/etcd:\nother:x:106:1::/x/y:\nann:x:1000:1::/home/ann:\n",
            files: "",
            scripts: "getent passwd openldap; chown mail:mail x; chown root x\n",
        };
        let names: Vec<&str> = homes(&clues).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["openldap", "etcd", "ann"]);
    }

    #[test]
    fn what_everything_shares_is_no_folder_of_data() {
        for path in ["/var/lib", "/", "/root/x", "/var/lib/dpkg/info", "/usr/share/x", "/home"] {
            assert!(!is_of_one(path), "{path}");
        }
        assert!(is_of_one("/var/lib/ldap") && is_of_one("/srv/ldap"));
    }
}
