//! Who prevents a dataset from being unmounted or rolled back.

use std::collections::BTreeSet;
use std::path::Path;

use crate::host::disk::ZVOL;
use crate::host::processes::{self, Process};
use crate::step::Context;
use crate::zfs::{Dataset, DatasetInfo, DatasetKind, ZfsError};

/// Who uses it, as far as that can be determined.
pub(in crate::step) fn who(context: &Context<'_>, info: &DatasetInfo) -> Option<String> {
    let found = match (info.kind, info.mounted, &info.mountpoint) {
        (DatasetKind::Filesystem, true, Some(path)) => {
            processes::users_of(&context.proc(), std::slice::from_ref(path)).ok()?.found
        }
        (DatasetKind::Filesystem, ..) => {
            processes::mounted_elsewhere(&context.proc(), &BTreeSet::from([info.name.as_str()]))
                .ok()?
        }
        (DatasetKind::Volume, ..) => {
            let device = Path::new(ZVOL).join(info.name.as_str()).canonicalize().ok()?;
            processes::users_of(&context.proc(), &[device]).ok()?.found
        }
    };
    let line = |process: &Process| match &process.uses {
        Some(uses) => format!("{process}: {uses}"),
        None => process.to_string(),
    };
    let lines: Vec<String> = found.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

/// The same error, naming the user instead of the kernel's message.
pub(in crate::step) fn named(context: &Context<'_>, error: ZfsError) -> ZfsError {
    let ZfsError::Busy { what, detail } = error else { return error };
    let info =
        what.parse::<Dataset>().ok().and_then(|name| context.engine.dataset(&name).ok().flatten());
    let detail = info.and_then(|info| who(context, &info)).unwrap_or(detail);
    ZfsError::Busy { what, detail }
}
