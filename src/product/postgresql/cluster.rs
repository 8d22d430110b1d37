//! Debian's clusters: `DATADIR/VERSION/NAME` has the data, whichever version is installed.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::{io, io::Write as _};

use super::failed;
use crate::host::files::remove_optional;
use crate::product::script::become_program;
use crate::product::stream::{HelperError, Streams};

/// Who may come in while the server runs without its clients: those who reach the socket, and its
/// folder is closed to all but root and the server's own account.
const HBA: &str = "local all all trust\n";

/// The versions that have data of this cluster, in order.
fn versions(datadir: &Path, cluster: &str) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(datadir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // Not what somebody put aside.
        let Some(version) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match fs::metadata(entry.path().join(cluster).join("PG_VERSION")) {
            Ok(_) => found.push(version),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The cluster's version. None while it has data of two, in the middle of an upgrade.
fn version(datadir: &str, cluster: &str) -> Result<Option<u32>, HelperError> {
    let found = versions(Path::new(datadir), cluster)
        .map_err(|error| failed(format_args!("cannot look for the cluster in {datadir}"), error))?;
    Ok(if let [one] = found[..] { Some(one) } else { None })
}

/// `postgresql-package DATADIR NAME`: prints the package of the cluster's server; nothing if there is
/// no such cluster, or two versions of it.
pub(in crate::product) fn package(
    arguments: &[String],
    streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let [datadir, cluster] = arguments else {
        return Err(HelperError::usage("postgresql-package DATADIR NAME"));
    };
    if let Some(version) = version(datadir, cluster)? {
        writeln!(streams.output, "postgresql-{version}").map_err(HelperError::Output)?;
    }
    Ok(())
}

/// `postgresql-with DATADIR NAME HBA COMMAND...`: becomes the command, with the cluster's version in
/// the place of each `%v`. The file HBA then lets in whoever reaches the socket.
pub(in crate::product) fn with(
    arguments: &[String],
    _streams: &mut Streams<'_>,
) -> Result<(), HelperError> {
    let usage = || HelperError::usage("postgresql-with DATADIR NAME HBA COMMAND...");
    let [datadir, cluster, hba, program, rest @ ..] = arguments else { return Err(usage()) };
    let version = version(datadir, cluster)?.ok_or_else(|| {
        HelperError::Failed(format!(
            "{datadir} has no data of a cluster {cluster}, or that of two versions of it"
        ))
    })?;
    write_hba(Path::new(hba)).map_err(|error| failed(format_args!("cannot write {hba}"), error))?;
    let fill = |word: &String| word.replace("%v", &version.to_string());
    Err(become_program(&fill(program), rest.iter().map(fill)))
}

fn write_hba(path: &Path) -> io::Result<()> {
    remove_optional(path)?;
    // The server's account reads it, and nothing in it is secret.
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(HBA.as_bytes())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;
    use crate::product::tests::on;

    #[test]
    fn a_cluster_has_the_version_of_its_data_and_none_in_the_middle_of_an_upgrade() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().display().to_string();
        let ask = || on("postgresql-package", &[&path, "main"], b"").map(String::from_utf8);
        let put = |version: &str| {
            let data = folder.path().join(version).join("main");
            fs::create_dir_all(&data).expect("made");
            fs::write(data.join("PG_VERSION"), format!("{version}\n")).expect("written");
        };
        assert_eq!(ask(), Ok(Ok(String::new())));
        put("15");
        fs::write(folder.path().join(".bash_history"), "").expect("written");
        put("15.old");
        assert_eq!(ask(), Ok(Ok("postgresql-15\n".into())));
        put("17");
        assert_eq!(ask(), Ok(Ok(String::new())));
        fs::remove_dir_all(folder.path().join("15")).expect("removed");
        assert_eq!(ask(), Ok(Ok("postgresql-17\n".into())));
    }
}
