//! What is looked at when a procedure is through.

use std::fs;

use super::host::Mode;
use super::world::{DUMPS, EXPORTS, World};
use crate::zfs::{DatasetKind, Engine as _, PROP_ROLLED_BACK};

impl World {
    /// Everything that is to be the same however often a procedure was interrupted. The identities
    /// and the marks of rollbacks are not.
    pub(super) fn picture(&self) -> Vec<String> {
        let engine = &self.engine.fake;
        let mut lines = Vec::new();
        for pool in ["t", "u"] {
            for info in engine.tree(&pool.parse().expect("a name")).expect("tree") {
                let locals: Vec<_> = engine
                    .locals(&info.name)
                    .expect("locals")
                    .into_iter()
                    .filter(|(name, _)| name != PROP_ROLLED_BACK)
                    .collect();
                let mut content = engine.content(&info.name).expect("content");
                content.sort();
                // Written to before every run, however many there are.
                if [EXPORTS, DUMPS].contains(&info.name.as_str()) {
                    content.clear();
                }
                let origin = info.origin.map(|origin| origin.to_string());
                lines.push(format!(
                    "{} mounted={} {locals:?} {origin:?} {content:?}",
                    info.name, info.mounted
                ));
                for snapshot in engine.snapshots(&info.name).expect("snapshots") {
                    let holds = engine.holds(&snapshot.name).expect("holds");
                    let mut content = engine.snapshot_content(&snapshot.name).expect("content");
                    content.sort();
                    lines.push(format!("{} {holds:?} {content:?}", snapshot.name));
                }
            }
        }
        lines.extend(self.product.folders());
        let host = self.product.host();
        lines.push(format!(
            "{:?} broken={} {:?} masked={}",
            host.installed, host.broken, host.mode, host.masked
        ));
        lines.push(fs::read_to_string(self.root.join("etc/app.conf")).expect("readable"));
        lines.push(format!("{:?}", self.state().phase));
        let root = self.root.display().to_string();
        lines.iter_mut().for_each(|line| *line = line.replace(&root, ""));
        lines
    }

    /// The service is open with exactly what clients were told, in this version.
    #[track_caller]
    pub(super) fn serves(&self, version: &str) {
        let host = self.product.host();
        assert_eq!(host.faults, Vec::<String>::new());
        assert_ne!(host.held, Some(true), "clients wait still");
        assert_eq!(
            (host.installed.as_deref(), host.broken, host.mode),
            (Some(version), false, Mode::Open)
        );
        assert_eq!(host.items(), host.truth);
        let config = fs::read_to_string(self.root.join("etc/app.conf")).expect("readable");
        assert_eq!(config, format!("for version {}", &version[..1]));
        let engine = &self.engine.fake;
        for mount in &self.manifest.datasets {
            let info = engine.dataset(&mount.dataset).expect("dataset").expect("there");
            assert_eq!(
                (info.mounted, &engine.local(&mount.dataset, "canmount").expect("local")),
                (info.kind == DatasetKind::Filesystem, &mount.canmount),
                "{}",
                mount.dataset
            );
        }
        if !self.roots.is_empty() {
            self.others_are_left_alone();
        }
    }

    /// Others have at their place all that they ever wrote, and no snapshot of it was made.
    #[track_caller]
    pub(super) fn others_are_left_alone(&self) {
        let engine = &self.engine.fake;
        for (dataset, place) in [(EXPORTS, "/srv/exports"), (DUMPS, "/srv/app/dumps")] {
            let name = dataset.parse().expect("a name");
            assert_eq!(engine.at(place.as_ref()).as_ref(), Some(&name));
            let written = self.others.borrow();
            let mut written: Vec<_> =
                written.iter().filter(|(of, _)| dataset.ends_with(of)).map(|(_, it)| it).collect();
            written.sort();
            let mut content = engine.content(&name).expect("content");
            content.sort();
            assert_eq!(content.iter().collect::<Vec<_>>(), written, "{dataset}");
            assert_eq!(engine.snapshots(&name).expect("snapshots"), []);
        }
    }

    /// Nothing of ours is left on the pools.
    #[track_caller]
    pub(super) fn nothing_left(&self) {
        for folder in [self.layout.upgraded_programs(), self.layout.whole()] {
            assert!(!folder.exists(), "{}", folder.display());
        }
        let engine = &self.engine.fake;
        let mut names = Vec::new();
        for pool in ["t", "u"] {
            for info in engine.tree(&pool.parse().expect("a name")).expect("tree") {
                let ours: Vec<_> = engine
                    .locals(&info.name)
                    .expect("locals")
                    .into_iter()
                    .filter(|(name, _)| name.starts_with("backout:"))
                    .collect();
                assert_eq!(ours, Vec::new(), "{}", info.name);
                let origin = (self.cloned && info.name.as_str() == "t/app")
                    .then(|| "t/base@gold".to_owned());
                assert_eq!(info.origin.map(|origin| origin.to_string()), origin, "{}", info.name);
                let snapshots: Vec<_> = engine
                    .snapshots(&info.name)
                    .expect("snapshots")
                    .into_iter()
                    .map(|s| s.name.to_string())
                    .collect();
                names.extend(snapshots);
                names.push(info.name.to_string());
            }
        }
        let index = self.roots[1].to_string();
        let mut expected = vec![
            "t".to_owned(),
            "t/app".into(),
            "t/app@daily".into(),
            "t/app/log".into(),
            EXPORTS.into(),
            DUMPS.into(),
            "u".into(),
            index.clone(),
        ];
        if index == "u/index" {
            expected.push("u/index/volume".into());
        }
        if self.cloned {
            expected.extend(["t/base".to_owned(), "t/base@gold".to_owned()]);
        }
        names.sort();
        expected.sort();
        assert_eq!(names, expected);
    }
}
