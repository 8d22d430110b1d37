//! The changes. Each checks first what makes a second attempt safe, and its effect afterwards.

use std::io::Write;

use super::{CliEngine, old, refine};
use crate::zfs::program::LIMITS;
use crate::zfs::rollback::Hands;
use crate::zfs::verify::{free, same};
use crate::zfs::words::LONGEST;
use crate::zfs::{
    Change, Dataset, Engine, Guid, NewClone, Pool, Result, Snapshot, ZfsError, verify,
};

impl CliEngine {
    pub(super) fn make_snapshots(
        &self,
        snapshots: &[Snapshot],
        properties: &[(&str, &str)],
    ) -> Result<()> {
        for names in verify::by_pool(snapshots)?.values() {
            let mut argv = vec!["zfs".to_owned(), "snapshot".to_owned()];
            for (property, value) in properties {
                argv.extend(["-o".to_owned(), format!("{property}={value}")]);
            }
            argv.push("--".to_owned());
            argv.extend(names.iter().map(ToString::to_string));
            if argv.iter().map(String::len).sum::<usize>() > LONGEST {
                return Err(ZfsError::Unexpected {
                    command: "zfs snapshot".to_owned(),
                    detail: format!(
                        "the names of {} snapshots are more than one command takes, and one \
                         command is what takes them at one instant; libzfs_core has no such limit \
                         (--engine lzc)",
                        names.len()
                    ),
                });
            }
            let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
            self.change(&argv)
                .map_err(|error| refine(error, names.first().map_or("", |name| name.as_str())))?;
            verify::snapshots_made(self, names, properties)?;
        }
        Ok(())
    }

    pub(super) fn make_filesystem(
        &self,
        dataset: &Dataset,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        if self.dataset(dataset)?.is_some() {
            return Err(ZfsError::Exists(dataset.to_string()));
        }
        let mut argv = vec!["zfs".to_owned(), "create".to_owned()];
        for (property, value) in properties {
            argv.extend(["-o".to_owned(), format!("{property}={value}")]);
        }
        argv.extend(["--".to_owned(), dataset.to_string()]);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        self.change(&argv).map_err(|error| refine(error, dataset.as_str()))?;
        verify::set_each(self, std::slice::from_ref(dataset), properties)
    }

    pub(super) fn make_clone(
        &self,
        snapshot: &Snapshot,
        target: &Dataset,
        properties: &[(&str, &str)],
    ) -> Result<()> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.clone_each(&[NewClone {
            snapshot: snapshot.clone(),
            target: target.clone(),
            properties: properties.iter().map(owned).collect(),
        }])
    }

    /// Removes the clone of a failed `zfs clone`, which can fail and still leave one behind,
    /// without its properties.
    pub(super) fn without_clone(
        &self,
        snapshot: &Snapshot,
        target: &Dataset,
        error: ZfsError,
    ) -> ZfsError {
        let removed = match self.dataset(target) {
            Ok(Some(info)) if info.origin.as_ref() == Some(snapshot) => {
                self.remove_dataset(target, info.guid)
            }
            Ok(_) => Ok(Change::WasThere),
            Err(error) => Err(error),
        };
        match removed {
            Ok(_) => error,
            Err(second) => ZfsError::Unexpected {
                command: "zfs clone".to_owned(),
                detail: format!(
                    "{error}; and the half-made clone {target} may still be there: {second}"
                ),
            },
        }
    }

    pub(super) fn give(&self, dataset: &Dataset, given: &[Vec<String>]) -> Result<()> {
        for words in given {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.change(&[&["zfs", "allow"], &words[..], &[dataset.as_str()]].concat())
                .map_err(|error| refine(error, dataset.as_str()))?;
        }
        let now = self.delegations_of(std::slice::from_ref(dataset))?;
        let has = |words: &&Vec<String>| now.iter().any(|now| now.given.contains(words));
        match given.iter().find(|words| !has(words)) {
            None => Ok(()),
            Some(words) => Err(ZfsError::Unexpected {
                command: "zfs allow".to_owned(),
                detail: format!("it succeeded, but {dataset} has no `{}`", words.join(" ")),
            }),
        }
    }

    pub(super) fn promote_clone(&self, dataset: &Dataset) -> Result<Change> {
        let Some(origin) = self.existing(dataset)?.origin else {
            return Ok(Change::WasThere);
        };
        self.change(&["zfs", "promote", dataset.as_str()])
            .map_err(|error| refine(error, dataset.as_str()))?;
        self.promoted(dataset, &origin)
    }

    pub(in crate::zfs) fn promoted(&self, dataset: &Dataset, origin: &Snapshot) -> Result<Change> {
        if self.existing(dataset)?.origin.as_ref() != Some(origin) {
            return Ok(Change::Made);
        }
        Err(ZfsError::Unexpected {
            command: "promote".to_owned(),
            detail: format!("it succeeded, but {dataset} is still a clone of {origin}"),
        })
    }

    pub(super) fn remove_snapshot(&self, snapshot: &Snapshot, guid: Guid) -> Result<Change> {
        let Some(info) = self.snapshot_info(snapshot)? else {
            return Ok(Change::WasThere);
        };
        same(snapshot, info.guid, guid)?;
        free(self, &info)?;
        self.change(&["zfs", "destroy", "--", snapshot.as_str()])
            .map_err(|error| refine(error, snapshot.as_str()))?;
        match self.snapshot_info(snapshot)? {
            None => Ok(Change::Made),
            Some(_) => Err(still_there(snapshot.as_str())),
        }
    }

    pub(super) fn remove_dataset(&self, dataset: &Dataset, guid: Guid) -> Result<Change> {
        let Some(info) = self.dataset(dataset)? else {
            return Ok(Change::WasThere);
        };
        same(dataset, info.guid, guid)?;
        let busy = |detail: String| Err(ZfsError::Busy { what: dataset.to_string(), detail });
        if info.mounted {
            return busy("it is mounted".to_owned());
        }
        let children: Vec<String> =
            self.tree(dataset)?.iter().skip(1).map(|child| child.name.to_string()).collect();
        if !children.is_empty() {
            return busy(format!("it has children: {}", children.join(", ")));
        }
        let snapshots: Vec<String> =
            self.snapshots(dataset)?.iter().map(|snapshot| snapshot.name.to_string()).collect();
        if !snapshots.is_empty() {
            return busy(format!("it has snapshots: {}", snapshots.join(", ")));
        }
        self.change(&["zfs", "destroy", "--", dataset.as_str()])
            .map_err(|error| refine(error, dataset.as_str()))?;
        match self.dataset(dataset)? {
            None => Ok(Change::Made),
            Some(_) => Err(still_there(dataset.as_str())),
        }
    }
}

fn still_there(name: &str) -> ZfsError {
    ZfsError::Unexpected {
        command: "zfs destroy".to_owned(),
        detail: format!("it succeeded, but {name} is still there"),
    }
}

impl Hands for CliEngine {
    fn program(&self, program: &str, pool: &Pool, arguments: &[String]) -> Result<String> {
        let io = |error: std::io::Error| ZfsError::Call {
            call: "writing the channel program".to_owned(),
            error: error.to_string(),
        };
        let mut script = tempfile::NamedTempFile::new().map_err(io)?;
        script.write_all(program.as_bytes()).and_then(|()| script.flush()).map_err(io)?;
        let path = script.path().display().to_string();
        let (instructions, memory) = (LIMITS.0.to_string(), LIMITS.1.to_string());
        let mut argv = vec![
            "zfs",
            "program",
            "-j",
            "-t",
            &instructions,
            "-m",
            &memory,
            "--",
            pool.as_str(),
            &path,
        ];
        argv.extend(arguments.iter().map(String::as_str));
        let output =
            self.change(&argv).map_err(|error| old::explained(refine(error, pool.as_str())))?;
        let answer: serde_json::Value =
            serde_json::from_str(&output.stdout).map_err(|error| ZfsError::Unexpected {
                command: "zfs program".to_owned(),
                detail: format!("{error} in {:?}", output.stdout),
            })?;
        answer.get("return").and_then(|value| value.as_str()).map(str::to_owned).ok_or_else(|| {
            ZfsError::Unexpected {
                command: "zfs program".to_owned(),
                detail: format!("no string returned: {:?}", output.stdout),
            }
        })
    }

    fn rollback_to(&self, snapshot: &Snapshot) -> Result<()> {
        // Without -r it refuses if there are newer snapshots or bookmarks (zfs-rollback(8)).
        self.change(&["zfs", "rollback", "--", snapshot.as_str()])
            .map(drop)
            .map_err(|error| refine(error, snapshot.as_str()))
    }

    fn destroy_bookmark(&self, name: &str) -> Result<()> {
        match self.change(&["zfs", "destroy", "--", name]).map_err(|error| refine(error, name)) {
            Ok(_) | Err(ZfsError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
