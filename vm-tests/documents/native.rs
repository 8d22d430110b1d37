//! Blocks that need the tool, but no pool: they are run here, in a folder that stands for the host.
//! Tally, the product of the author's guide, is a few lines of shell.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::blocks::Block;
use super::{all_blocks, files};

/// A block, and with which status each of its commands must end.
#[derive(Debug)]
pub struct Run {
    /// The document.
    pub document: &'static str,
    /// Its first words.
    pub words: &'static str,
    /// What the words in capitals stand for.
    pub values: &'static [(&'static str, &'static str)],
    /// One for each command.
    pub statuses: &'static [i32],
}

const GUIDE: &str = "docs/playbook-authors-guide.md";

/// What is run here, in the order of the documents.
pub const RUN: &[Run] = &[
    Run {
        document: GUIDE,
        words: "backout playbook new tally",
        values: &[],
        // What --from cannot know is still to be done.
        statuses: &[0, 0, 0, 0, 2],
    },
    Run {
        document: GUIDE,
        words: "backout playbook try FOLDER",
        values: &[("FOLDER", "/etc/backout/playbooks/tally")],
        // There is no ZFS here: a check says so and refuses, and nothing can be planned.
        statuses: &[0, 3, 1, 1],
    },
    Run {
        document: GUIDE,
        words: "backout playbook show NAME",
        values: &[("NAME", "redis"), ("ID", "redis-20261129070000")],
        statuses: &[0],
    },
    Run { document: GUIDE, words: "backout playbook schema", values: &[], statuses: &[0] },
];

/// A folder that stands for the host: what is below it has the paths of the documents.
struct Host {
    /// Held: the folder goes with it.
    _temp: tempfile::TempDir,
    root: PathBuf,
}

impl Host {
    fn new() -> Self {
        let temp = tempfile::tempdir().expect("folder");
        let root = temp.path().canonicalize().expect("real path");
        let host = Self { _temp: temp, root };
        for folder in ["bin", "root", "run", "etc/backout/playbooks", "var/lib/tally", "etc/tally"]
        {
            fs::create_dir_all(host.path(folder)).expect("folder");
        }
        fs::create_dir_all(host.path("var/lib/backout/changes/redis-20261129070000"))
            .expect("folder");
        host.program(
            "backout",
            &format!(
                "exec {} --playbooks {root}/etc/backout/playbooks --run-dir {root}/run \
                 --host fixture --site {root}/etc/backout/site.toml --state {root}/var/lib/backout \
                 \"$@\"",
                env!("CARGO_BIN_EXE_backout"),
                root = host.root.display()
            ),
        );
        // Nothing else of the host is there, `zfs` least of all.
        let install = ["/usr/bin/install", "/bin/install"].map(Path::new);
        let install = install.iter().find(|path| path.exists()).expect("a program");
        std::os::unix::fs::symlink(install, host.path("bin/install")).expect("linked");
        host.program("tallyctl", "case $* in *'get changelog') echo on ;; *) echo 1 ;; esac");
        host.program(
            "dpkg-query",
            "case $* in\n*tally-server*Conffiles*) echo ' /etc/tally/tally.conf 0' ;;\n\
             *tally*) printf 'installed 2.6.1' ;;\n*) exit 1 ;;\nesac",
        );
        host.program("dpkg", "echo /lib/systemd/system/tallyd.service");
        host.program("systemctl", "echo tallyd");
        host.program("tally-import", ":");
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn program(&self, name: &str, script: &str) {
        self.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path("bin").join(name), mode).expect("mode");
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    /// The text of a block with this host's paths.
    fn here(&self, text: &str, values: &[(&str, &str)]) -> String {
        let mut text = text.to_owned();
        for (word, value) in values {
            text = text.replace(word, value);
        }
        for folder in ["/etc/", "/root/", "/var/lib/"] {
            text = text.replace(folder, &format!("{}{folder}", self.root.display()));
        }
        text
    }

    /// Runs the block's commands in one shell, and compares how each ends.
    fn runs(&self, block: &Block, run: &Run) {
        let ended = self.path("ended");
        let mut script = "umask 022\n".to_owned();
        for command in block.commands() {
            let command = self.here(&command, run.values);
            script += &format!("{command}\necho $? >>{}\n", ended.display());
        }
        let _ = fs::remove_file(&ended);
        let output = Command::new("/bin/sh")
            .args(["-c", &script])
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", self.path("bin"))
            .envs([("TZ", "UTC"), ("COLUMNS", "80")])
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let statuses: Vec<i32> = fs::read_to_string(&ended)
            .unwrap_or_default()
            .lines()
            .map(|line| line.parse().expect("a number"))
            .collect();
        assert_eq!(statuses, run.statuses, "{}:\n{said}", block.place());
    }
}

#[test]
fn the_commands_of_the_authors_guide_do_what_it_says() {
    let host = Host::new();
    let blocks = all_blocks();
    let run = |run: &Run| {
        let named =
            |block: &&Block| block.document == run.document && block.name().starts_with(run.words);
        host.runs(blocks.iter().find(named).expect("it is there"), run);
    };
    run(&RUN[0]);
    let written = |name: &str| fs::read_to_string(host.path(name)).expect("written");
    assert!(written("root/reference.toml").contains("[[capture.pass]]"));
    let playbook = "etc/backout/playbooks/tally/playbook.toml";
    assert!(written(playbook).contains("TO DO"));
    // What the guide adds until the checker has nothing left to say.
    host.write(playbook, &host.here(&files::tally(), &[]));
    let site = "playbook = \"tally\"\ndatasets = [\"tank/tally\"]\nupgrade_to = \"3.0\"\n";
    host.write("etc/backout/site.toml", site);
    run(&RUN[1]);
    run(&RUN[2]);
    let copy = "var/lib/backout/changes/redis-20261129070000/playbook.toml";
    assert_eq!(written(copy), include_str!("../../playbooks/redis/playbook.toml"));
    run(&RUN[3]);
    let schema = "etc/backout/playbook.schema.json";
    assert_eq!(written(schema), include_str!("../../playbooks/playbook.schema.json"));
}
