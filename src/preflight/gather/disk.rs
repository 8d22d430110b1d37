//! Where paths really lie.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::host::files::stat_optional;
use crate::host::mounts::{Mount, mount_of};
use crate::host::trust::{self, Distrust};
use crate::preflight::Facts;
use crate::preflight::facts::{DataPath, Learnt, Lies, LinkOut, Others, Place, Role};
use crate::zfs::Dataset;

use super::{Sources, Table, zfs};

/// What must not go back with the data: the system, and what package managers know of it.
const SYSTEM: &[&str] = &["/", "/boot", "/etc", "/usr", "/var/lib/dpkg", "/var/lib/rpm", "/var/lib/systemd"];
/// Links to here are configuration, certificates, programs or devices, not data.
const NOT_DATA: &[&str] = &["/dev", "/proc", "/sys", "/run", "/usr", "/etc", "/lib", "/bin", "/sbin", "/opt"];
/// PostgreSQL's tablespaces are two levels down, MySQL's linked databases one.
const DEEP: usize = 3;
/// A message store has millions of files; its upper levels are searched.
const MANY: usize = 20_000;

/// Fills in everything that asks what a path lies on.
pub(super) fn lay_out(sources: &Sources<'_>, facts: &mut Facts, table: &Table) {
    let volumes: Vec<(PathBuf, Dataset)> = facts
        .datasets()
        .filter(|fact| fact.volume)
        .filter_map(|fact| Some((zfs::device(sources, &fact.name)?, fact.name.clone())))
        .collect();
    let map = Map { table, volumes };
    facts.data = sources.playbook.data.paths.iter().map(|path| map.data(sources, path)).collect();
    facts.outside = sources.playbook.data.outside.iter().map(|path| map.data(sources, path)).collect();
    facts.system = SYSTEM
        .iter()
        .filter(|path| !matches!(stat_optional(Path::new(path)), Ok(None)))
        .map(|path| map.place(Role::System, Path::new(path)))
        .collect();
    facts.places = sources.places.iter().map(|(role, path)| map.place(*role, path)).collect();
    let (mut links, mut unsearched) = (Vec::new(), Vec::new());
    for real in facts.data.iter().filter_map(|data| data.real.as_ref().ok()) {
        let (found, whole) = map.links(facts, real);
        links.extend(found);
        if !whole {
            unsearched.push(real.display().to_string());
        }
    }
    facts.links = links;
    facts.links_unsearched = unsearched;
    facts.foreign_mounts = table.as_ref().map(|mounts| foreign(facts, mounts)).map_err(Clone::clone);
}

struct Map<'a> {
    table: &'a Table,
    volumes: Vec<(PathBuf, Dataset)>,
}

impl Map<'_> {
    fn lies(&self, real: &Path) -> Learnt<Lies> {
        let mounts = self.table.as_ref().map_err(Clone::clone)?;
        let mount = mount_of(mounts, real).ok_or_else(|| format!("no mount holds {}", real.display()))?;
        Ok(Lies { mount: mount.point.clone(), fstype: mount.fstype.clone(), source: mount.source.clone(), dataset: self.dataset(mount) })
    }

    /// The dataset that is mounted, or the volume that a file system of another type is on (`/dev/zd0`, `/dev/zd0p1`).
    fn dataset(&self, mount: &Mount) -> Option<Dataset> {
        if mount.fstype == "zfs" {
            // A snapshot shown under .zfs is `dataset@name`.
            return mount.source.split('@').next()?.parse().ok();
        }
        let source = mount.source.as_str();
        let real = Path::new(source).canonicalize().unwrap_or_else(|_| PathBuf::from(source));
        let real = real.to_str()?;
        let is_part = |rest: &str| rest.is_empty() || rest.strip_prefix('p').is_some_and(|number| number.parse::<u32>().is_ok());
        self.volumes
            .iter()
            .find(|(device, _)| device.to_str().and_then(|device| real.strip_prefix(device)).is_some_and(is_part))
            .map(|(_, name)| name.clone())
    }

    fn data(&self, sources: &Sources<'_>, raw: &str) -> DataPath {
        let path = match (sources.text)(raw) {
            Ok(path) => path,
            Err(why) => return DataPath { path: raw.to_owned(), real: Err(why.clone()), on: Err(why) },
        };
        let real = Path::new(&path).canonicalize().map_err(|error| error.to_string());
        let on = real.as_ref().map_err(Clone::clone).and_then(|real| self.lies(real));
        DataPath { path, real, on }
    }

    fn place(&self, role: Role, path: &Path) -> Place {
        let nearest = path.ancestors().find_map(|folder| folder.canonicalize().ok()).unwrap_or_else(|| PathBuf::from("/"));
        let on = self.lies(&nearest);
        let free = nix::sys::statvfs::statvfs(&nearest)
            .map(|room| room.blocks_available().saturating_mul(room.fragment_size()))
            .map_err(|error| format!("{}: {error}", nearest.display()));
        let others =
            match trust::whole_way(path.ancestors().find(|folder| matches!(stat_optional(folder), Ok(Some(_)))).unwrap_or(&nearest)) {
                Ok(()) => None,
                Err(Distrust::Writable { path, why, remedy }) => Some(Others { why: format!("{}: {why}", path.display()), remedy }),
                Err(error @ (Distrust::Read { .. } | Distrust::Link { .. })) => {
                    Some(Others { why: error.to_string(), remedy: "See why, as root.".into() })
                }
            };
        Place { role, path: path.to_owned(), nearest, on, free, others }
    }

    /// Links under `folder` that lead off the datasets, and whether all of it was searched. A folder that cannot be read is left to the check of the rights.
    fn links(&self, facts: &Facts, folder: &Path) -> (Vec<LinkOut>, bool) {
        let mut entries = WalkDir::new(folder).min_depth(1).max_depth(DEEP).into_iter().flatten();
        let links = entries.by_ref().take(MANY).filter(DirEntry::path_is_symlink);
        let found = links.filter_map(|link| self.leads_off(facts, link.path())).collect();
        (found, entries.next().is_none())
    }

    fn leads_off(&self, facts: &Facts, link: &Path) -> Option<LinkOut> {
        let target = link.canonicalize().ok()?;
        let dataset = self.lies(&target).ok().and_then(|lies| lies.dataset);
        let listed = dataset.as_ref().is_some_and(|dataset| facts.goes_back(dataset));
        let off = !listed && !NOT_DATA.iter().any(|prefix| target.starts_with(prefix));
        off.then(|| LinkOut { link: link.to_owned(), target, dataset })
    }
}

/// Mounts below the datasets that are not of these datasets. What ZFS itself mounts under `.zfs` comes and goes.
fn foreign(facts: &Facts, mounts: &[Mount]) -> Vec<Mount> {
    let points: Vec<&PathBuf> = facts.datasets().flat_map(|dataset| &dataset.mounted_at).collect();
    let below = |mount: &Mount| points.iter().any(|point| mount.point.starts_with(point) && mount.point != **point);
    let ours = |mount: &Mount| mount.fstype == "zfs" && mount.source.parse().is_ok_and(|name: Dataset| facts.goes_back(&name));
    let shown = |mount: &Mount| mount.point.components().any(|part| part.as_os_str() == ".zfs");
    mounts.iter().filter(|mount| below(mount) && !ours(mount) && !shown(mount)).cloned().collect()
}
