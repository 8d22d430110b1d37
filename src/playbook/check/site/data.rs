//! The data that a site names: the datasets, and what below them is left alone or goes with them.

use super::Check;
use crate::playbook::DataStrategy;
use crate::playbook::problem::Path;

impl Check<'_, '_> {
    /// Whether there are datasets, as the way back needs them.
    pub(super) fn datasets(&mut self) {
        let at = Path::of(&["datasets"]);
        let datasets = &self.site.datasets;
        let (rollback, name) = (Path::of(&["rollback"]), &self.playbook.name);
        let said = self.report.root().get_ref().contains_key("rollback");
        match DataStrategy::of(self.playbook, self.site) {
            DataStrategy::Zfs if datasets.is_empty() => {
                let remedy = "name the datasets that hold the product's data: `zfs list -o \
                    name,mountpoint` shows them";
                self.report.error(&at, "`datasets` is empty", remedy);
            }
            DataStrategy::Coexistent if !datasets.is_empty() || said => {
                let (at, field) = if datasets.is_empty() {
                    (rollback, "rollback")
                } else {
                    (at.clone(), "datasets")
                };
                self.report.error(
                    &at,
                    "users move to another host, so nothing rolls back",
                    format!("remove `{field}`, or `strategy`"),
                );
            }
            DataStrategy::Packages if !datasets.is_empty() || said => {
                let (at, field) = if datasets.is_empty() {
                    (rollback, "rollback")
                } else {
                    (at.clone(), "datasets")
                };
                let what =
                    format!("the product of playbook {name} keeps no data, so nothing rolls back");
                self.report.error(
                    &at,
                    what,
                    format!("remove `{field}`; where there is data, take the playbook for that"),
                );
            }
            DataStrategy::Full if self.playbook.full.is_none() => {
                let what = format!("the playbook {name} knows no way back without ZFS");
                self.report.error(
                    &rollback,
                    what,
                    "move the data to ZFS datasets and name them, \
                    or add [full] to a copy of the playbook",
                );
            }
            DataStrategy::Full if !datasets.is_empty() => {
                let what = "there are datasets, and `rollback = \"none\"` says that the data is \
                    not on ZFS";
                self.report.error(
                    &at,
                    what,
                    "remove one of them: with datasets the way back takes seconds",
                );
            }
            _ => {}
        }
        for (i, one) in datasets.iter().enumerate() {
            for (j, other) in datasets.iter().enumerate() {
                if i > j && one == other {
                    self.report.error(
                        &at.at(i),
                        format!("{one} is there twice"),
                        "remove one of them",
                    );
                } else if i != j && one != other && one.is_within(other) {
                    let what =
                        format!("{one} is inside {other}, which is there with everything below it");
                    self.report.error(&at.at(i), what, format!("remove {one}"));
                }
            }
        }
    }

    /// What is left alone, and what goes with the data, is below the datasets; nothing is both.
    pub(super) fn children(&mut self) {
        let lists = [("leave", &self.site.leave), ("with_data", &self.site.with_data)];
        for (field, list) in lists {
            for (i, one) in list.iter().enumerate() {
                let at = Path::of(&[field]).at(i);
                let below = |root: &crate::zfs::Dataset| one != root && one.is_within(root);
                if !self.site.datasets.iter().any(below) {
                    self.report.error(
                        &at,
                        format!("{one} is not below one of the `datasets`"),
                        format!("remove it: `{field}` is about what is below them"),
                    );
                } else if field == "leave" && self.site.with_data.iter().any(|it| it.is_within(one))
                {
                    self.report.error(
                        &at,
                        format!("{one} is to be left, and it, or one below it, is in `with_data`"),
                        "remove one of them",
                    );
                }
            }
        }
    }
}
